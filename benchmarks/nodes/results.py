"""results.json: every run as it was measured, written after each, so that a benchmark that was killed goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.nodes.run import Run

FILE = Path(__file__).with_name("results.json")


def read_results(file: Path = FILE) -> tuple[Mapping[str, Any], list[Run]]:
    """What all runs have in common, and the runs; nothing where nothing has been measured."""
    if not file.exists():
        return {}, []
    whole = json.loads(file.read_text(encoding="utf-8"))
    return whole["about"], [_run(body) for body in whole["runs"]]


def _run(body: Mapping[str, Any]) -> Run:
    fields: dict[str, Any] = {**body, "served_s": tuple(body["served_s"])}
    return Run(**fields)


def write_results(about: Mapping[str, Any], runs: Sequence[Run], file: Path = FILE) -> None:
    """Whole or not at all, a line for each run."""
    lines = ",\n".join(f"  {json.dumps(asdict(run))}" for run in runs)
    text = f'{{\n "about": {json.dumps(about)},\n "runs": [\n{lines}\n ]\n}}\n'
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)
