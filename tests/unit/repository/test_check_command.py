"""`tritonup check --repository`: findings of a model repository, without a stack."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.repositories import RepositoryBuilder, identity_config, identity_graph

RUNNER = CliRunner()


def check(models: RepositoryBuilder, *options: str) -> tuple[int, list[str]]:
    """The exit code, and the rules of the findings."""
    result = RUNNER.invoke(app, ["check", "--repository", str(models.root), "--json", *options])
    (found,) = json.loads(result.stdout).values()
    return result.exit_code, [finding["rule"] for finding in found]


def test_a_healthy_repository_is_clean_without_a_project(
    models: RepositoryBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(models.root)
    models.onnx("digits")
    assert check(models) == (0, [])


def test_an_error_ends_with_one(models: RepositoryBuilder) -> None:
    models.onnx("digits", identity_config("digits").replace('"INPUT"', '"IMAGE"'))
    assert check(models) == (1, ["TU214"])


def test_code_is_allowed_by_name(models: RepositoryBuilder) -> None:
    models.python("first", code="class TritonPythonModel:\n    def execute(self, requests): ...\n")
    assert check(models) == (1, ["TU250"])
    assert check(models, "--allow-code", "first") == (0, [])


def test_a_backend_of_the_servers_own_is_known_by_name(models: RepositoryBuilder) -> None:
    models.onnx("digits", identity_config("digits").replace("onnxruntime", "paddle"))
    assert check(models) == (1, ["TU207"])
    assert check(models, "--backend", "paddle") == (0, [])
    assert check(models, "--backend", "padle") == (1, ["TU207"])


def test_gpus_and_release_are_held_against_what_is_asked_for(models: RepositoryBuilder) -> None:
    models.onnx(
        "digits",
        identity_config("digits", more="instance_group { gpus: 1 }"),
        identity_graph(opset=22),
    )
    assert check(models) == (0, [])
    assert check(models, "--gpus", "1", "--release", "24.10") == (1, ["TU218", "TU223"])
    assert check(models, "--gpus", "2", "--release", "26.02") == (0, [])


@pytest.mark.parametrize(
    "options",
    [
        ["--repository", ".", "--stack", "dev"],
        ["--gpus", "1"],
        ["--allow-code", "digits"],
        ["--backend", "paddle"],
        ["--repository", ".", "--release", "1.0"],
    ],
)
def test_options_that_do_not_go_together_are_wrong_use(options: list[str]) -> None:
    assert RUNNER.invoke(app, ["check", *options]).exit_code == 2
