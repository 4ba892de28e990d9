"""`tritonup plan` from its command line to what it prints, writes and exits with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from cli.plan import plan
from tests.repositories import RepositoryBuilder
from tests.unit.planning.world import CODE, GONE, Raw, edited

app = typer.Typer()
app.command()(plan)


def project(folder: Path, stacks: dict[str, Raw]) -> Path:
    """A project with a small model repository and these stacks."""
    folder.mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text("name: tritonup\nruntime: python\n")
    for name, settings in stacks.items():
        document = {"config": {"tritonup:settings": settings}}
        (folder / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump(document))
    RepositoryBuilder(folder / "model_repository").onnx("digits").python(CODE)
    return folder


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.chdir(folder)
    return CliRunner().invoke(app, list(arguments))


BROKEN = edited({"servers.other": edited({})["servers"]["vision"] | {"models": ["digitz"]}})
"""One server that can be planned and one that names a model that is not there."""


def test_a_plan_without_errors_exits_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(project(tmp_path / "p", {"prod": edited({})}), monkeypatch, "-s", "prod")
    assert done.exit_code == 0
    assert done.stdout.startswith("# Plan of stack prod\n")
    assert "| Grace period" in done.stdout


def test_a_plan_with_errors_says_what_could_be_planned_and_the_errors_and_exits_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(project(tmp_path / "p", {"prod": BROKEN}), monkeypatch, "-s", "prod")
    assert done.exit_code == 1
    assert "### Server vision" in done.stdout
    assert "Not planned, because of errors: other." in done.stdout
    assert "TU240 at Pulumi.prod.yaml:" in done.stdout


@pytest.mark.parametrize("shape", [[], ["--json"], ["--html", "page.html"]])
def test_every_shape_of_a_plan_with_errors_exits_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: list[str]
) -> None:
    assert run(project(tmp_path / "p", {"prod": BROKEN}), monkeypatch, "-s", "prod", *shape).exit_code == 1


def test_a_stack_file_that_cannot_be_read_is_reported_in_the_shape_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(tmp_path / "p", {"prod": edited({"servers.vision.replicas.floor": "two", "cluster": GONE})})
    done = run(folder, monkeypatch, "-s", "prod", "--json", "--html", "page.html")
    assert done.exit_code == 1
    fields = {found["field"] for found in json.loads(done.stdout)["findings"]["errors"]}
    assert {"cluster", "servers.vision.replicas.floor"} <= fields
    assert "servers.vision.replicas.floor" in (folder / "page.html").read_text(encoding="utf-8")


def test_a_plan_is_the_same_bytes_again_and_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def all_shapes(folder: Path) -> list[Any]:
        shapes = [run(folder, monkeypatch, "-s", "prod", *shape).stdout_bytes for shape in ([], ["--json"])]
        run(folder, monkeypatch, "-s", "prod", "--html", "page.html")
        return [*shapes, (folder / "page.html").read_bytes()]

    here, there = project(tmp_path / "here", {"prod": BROKEN}), project(tmp_path / "far/away", {"prod": BROKEN})
    first = all_shapes(here)
    assert first == all_shapes(here) == all_shapes(there)
    assert not any(str(tmp_path).encode() in shape for shape in first)


def test_the_only_stack_need_not_be_named_and_one_of_several_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(project(tmp_path / "one", {"prod": edited({})}), monkeypatch).exit_code == 0
    several = run(project(tmp_path / "two", {"prod": edited({}), "dev": edited({})}), monkeypatch)
    assert (several.exit_code, several.stdout) == (2, "")
    assert "dev, prod" in several.stderr


def test_a_page_that_cannot_be_written_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(tmp_path / "p", {"prod": edited({})})
    missing = run(folder, monkeypatch, "-s", "prod", "--html", "nowhere/page.html")
    assert missing.exit_code == 1
    assert "--html: nowhere/page.html cannot be written" in missing.stderr

    def full(path: Path, text: str, **_: object) -> None:
        path.write_bytes(text[:10].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert "No space left" in run(folder, monkeypatch, "-s", "prod", "--html", "page.html").stderr
    assert not (folder / "page.html").exists()


def test_a_name_that_rich_takes_for_markup_or_an_emoji_is_printed_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = [{"rule": "TU999", "reason": "we know [bold]this[/bold] :smile: well"}]
    accept += [{"rule": "TU321", "reason": "we know [red]that[/red] :smile: well"}]
    settings = edited({"accept": accept, "servers.vision.replicas": {"floor": 1, "ceiling": 4}})
    done = run(project(tmp_path / "p", {"prod": settings}), monkeypatch, "-s", "prod")
    assert "we know [red]that[/red] :smile: well" in " ".join(done.stdout.split())
