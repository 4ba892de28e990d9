"""A real Triton is profiled: what is written is what planning reads, and what cannot be profiled is said to be."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from rendered_deployment import deployment
from serving_workplace import Workplace
from small_models import choosing, doubling, every_type
from typer.testing import CliRunner

from cli.profile import profile
from local.triton import RunningTriton
from measuring.profile import profiling
from measuring.profile.profiling import Profiled, Wanted, profile_started
from measuring.profile.search import Promise
from planning.profiles.checks import profiled_digest
from planning.profiles.file import Processor, read_profile
from planning.profiles.service import Batching
from planning.repository.pbtxt import parse_config
from planning.repository.reader import read_repository

app = typer.Typer()
app.command()(profile)

LIMITS = "max_queue_delay_microseconds: 100 priority_levels: 2 default_priority_level: 1"
LIMITED = f"max_batch_size: 8\ndynamic_batching {{ {LIMITS} }}"
NOWHERE = "127.0.0.1:1"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    doubling(root)
    choosing(root, 4)
    return root


@pytest.fixture(scope="module")
def triton(workplace: Workplace, models: Path) -> RunningTriton:
    return workplace.start_ready([models / "doubling"])


def target(triton: RunningTriton) -> str:
    return f"127.0.0.1:{triton.prepared.ports.http}"


def command(models: Path, model: str, *more: str) -> Result:
    return CliRunner().invoke(app, [model, "--repository", str(models), "--seconds", "5", *more])


def test_a_profile_is_written_that_planning_reads_and_a_change_that_git_applies(
    triton: RunningTriton, models: Path, tmp_path: Path
) -> None:
    config = models / "doubling" / "config.pbtxt"
    page, change = tmp_path / "page.html", tmp_path / "change.diff"
    told = command(models, "doubling", "--target", target(triton), "--json", "--html", str(page), "--diff", str(change))
    assert told.exit_code == 0, told.output
    printed: dict[str, Any] = json.loads(told.stdout)
    read, findings = read_repository(models)
    (kept,) = read.models["doubling"].profiles
    assert [finding.rule.id for finding in findings] == []
    assert kept == read_profile(json.dumps(printed["profile"]))
    assert kept.digest == profiled_digest(read.models["doubling"])
    assert (kept.server.version, kept.server.release, kept.together) == ("2.51.0", "24.10", True)
    (measured,) = kept.measured
    assert {point.batch for point in measured.curve} == {1, 2, 3, 4, 6, 8}
    assert {point.held_out for point in measured.curve} == {True, False}
    assert sum(point.held_out for point in measured.latency) == 5
    assert measured.curve_error is not None
    assert measured.a > 0
    assert page.read_text().count("<svg") == 2
    assert change.read_text() == printed["diff"]
    if printed["diff"]:  # whether batching pays on this machine now is its own affair
        before = config.read_text()
        (tmp_path / "config.pbtxt").write_text(before)
        subprocess.run(["git", "apply", "-p1", str(change)], cwd=tmp_path, check=True)
        after = (tmp_path / "config.pbtxt").read_text()
        assert parse_config(after) != parse_config(before)


def test_a_server_of_its_own_runs_without_what_limits_batches_and_leaves_nothing(
    workplace: Workplace, tmp_path: Path
) -> None:
    directory = doubling(tmp_path, "limited", LIMITED)
    read, _ = read_repository(tmp_path)
    told: list[str] = []
    wanted = Wanted(
        model=read.models["limited"],
        question=None,
        promise=Promise(within=0.5),
        hardware=Processor(kind="cpu", name="test", cores=2),
        seconds=5,
    )
    before = directory.joinpath("config.pbtxt").read_bytes()
    done = profile_started(wanted, deployment(), workplace.installed, (), told.append)
    assert not done.profile.together
    assert done.profile.advice.now.batching == Batching(instances=1, greatest=8, delay=0.0001, prefetches=False)
    assert max(point.batch for point in done.profile.measured[0].curve) > 1
    assert parse_config(done.config).max_batch_size == 8
    assert directory.joinpath("config.pbtxt").read_bytes() == before
    assert any("batches of 8" in line for line in told)


def test_without_a_server_it_says_where_none_answers(models: Path) -> None:
    told = command(models, "doubling", "--target", NOWHERE)
    assert told.exit_code == 2
    assert NOWHERE in told.output
    assert "--target" in told.output


def test_a_model_that_the_server_has_not_is_named_beside_those_it_has(triton: RunningTriton, models: Path) -> None:
    told = command(models, "choosing", "--target", target(triton))
    assert told.exit_code == 2
    assert "'choosing'" in told.output
    assert "It serves: doubling" in told.output


def test_a_model_that_the_repository_has_not_is_named_beside_those_it_has(models: Path) -> None:
    told = command(models, "nobody", "--target", NOWHERE)
    assert told.exit_code == 2
    assert "'nobody'" in told.output
    assert "choosing, doubling" in told.output


def test_a_size_that_is_free_is_not_made_up(workplace: Workplace, tmp_path: Path) -> None:
    triton = workplace.start_ready([every_type(tmp_path)])
    told = command(tmp_path, "every_type", "--target", target(triton))
    assert told.exit_code == 2
    assert "cannot be made up" in told.output
    assert "sample.json" in told.output


def test_a_server_that_runs_another_config_is_not_measured_for_this_one(
    triton: RunningTriton, models: Path, tmp_path: Path
) -> None:
    doubling(tmp_path, config="max_batch_size: 4")
    told = command(tmp_path, "doubling", "--target", target(triton))
    assert told.exit_code == 2
    assert "max_batch_size is 4 in the file and 8 on the server" in told.output


def test_a_full_disk_keeps_the_old_file_and_is_told(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (saved,) = models.glob("doubling/profile.*.json")
    done = Profiled(profile=read_profile(saved.read_text()), config="", doubts=())
    monkeypatch.setattr(profiling, "profile_target", lambda *_: done)
    kept = tmp_path / "profile.json"
    kept.write_text("old")

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    told = command(models, "doubling", "--target", NOWHERE, "--save", str(kept))
    assert told.exit_code == 1
    assert "--save" in told.output
    assert "No space left on device" in told.output
    assert kept.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["profile.json"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--within", "soon"), "a length of time"),
        (("--target", "localhost"), "is not host:port"),
        (("--target", NOWHERE, "--instances", "2"), "measured as it is"),
        (("--instances", "0"), "numbers from 1"),
        (("--target", NOWHERE, "--hardware", "voodoo"), "nvidia-l4"),
        (("--save", "/nowhere/profile.json"), "there is no directory"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_before_anything_is_measured(
    models: Path, options: tuple[str, ...], words: str
) -> None:
    told = command(models, "doubling", *options)
    assert told.exit_code == 2
    assert words in " ".join(told.output.replace("│", " ").split())
