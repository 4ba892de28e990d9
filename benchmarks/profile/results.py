"""results.json: every model as it was measured, written after each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.profile.run import Run
from planning.profiles.file import Profile

FILE = Path(__file__).with_name("results.json")


def read_results(file: Path = FILE) -> tuple[Mapping[str, Any], list[Run]]:
    """What all runs have in common, and the runs; nothing where nothing has been measured."""
    if not file.exists():
        return {}, []
    whole = json.loads(file.read_text(encoding="utf-8"))
    return whole["about"], [_run(body) for body in whole["runs"]]


def _run(body: Mapping[str, Any]) -> Run:
    fields: dict[str, Any] = {**body, "profile": Profile.model_validate_json(json.dumps(body["profile"]))}
    return Run(**fields)


def write_results(about: Mapping[str, Any], runs: Sequence[Run], file: Path = FILE) -> None:
    """Whole or not at all."""
    bodies = [{**asdict(run), "profile": json.loads(run.profile.model_dump_json())} for run in runs]
    text = json.dumps({"about": about, "runs": bodies}, indent=1) + "\n"
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)
