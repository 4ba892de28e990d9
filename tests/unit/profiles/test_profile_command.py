"""Where `tritonup profile` looks for its model."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.profile import profile
from tests.repositories import RepositoryBuilder

PROJECT = Path(__file__).resolve().parents[3]

app = typer.Typer()
app.command()(profile)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stack `mine` keeps its models in `my_models`: one of the name that no server of it serves."""
    (tmp_path / "Pulumi.yaml").write_text("name: mine\nruntime: python\n", encoding="utf-8")
    stack = (PROJECT / "Pulumi.local.yaml").read_text(encoding="utf-8")
    assert "directory: model_repository" in stack
    mine = stack.replace("directory: model_repository", "directory: my_models")
    (tmp_path / "Pulumi.mine.yaml").write_text(mine, encoding="utf-8")
    RepositoryBuilder(tmp_path / "my_models").onnx("fraud")
    (tmp_path / "model_repository").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_is_looked_for_in_the_repository_of_the_stack_that_is_named(project: Path) -> None:
    told = CliRunner().invoke(app, ["fraud", "-s", "mine", "--within", "50ms"])
    assert "There is no model" not in told.output  # it goes on to the stack, which has no server of it


def test_a_model_that_is_not_there_is_told_with_both_ways_to_name_another_place(project: Path) -> None:
    told = CliRunner().invoke(app, ["frauds", "-s", "mine"])
    assert told.exit_code == 2
    for word in ("'frauds'", "my_models", "It has: fraud", "--stack", "--repository"):
        assert word in told.output.replace("\n", " ")
