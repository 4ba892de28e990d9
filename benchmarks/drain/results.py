"""results.json: every run as it was measured, written after each, so that a benchmark that was killed goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.drain.run import Cell, Run

FILE = Path(__file__).with_name("results.json")

About = Mapping[str, Any]
"""What all runs have in common (`about.py`)."""


def read_about(file: Path = FILE) -> About | None:
    """None where nothing has been measured yet."""
    if not file.exists():
        return None
    return {key: value for key, value in _read(file).items() if key != "runs"}


def read_runs(file: Path = FILE) -> list[Run]:
    if not file.exists():
        return []
    return [_run(body) for body in _read(file)["runs"]]


def write_results(about: About, runs: Sequence[Run], file: Path = FILE) -> None:
    """Whole or not at all. A line for each cell, so that a difference reads well."""
    heads = [f" {json.dumps(key)}: {_line(value)}" for key, value in about.items()]
    bodies = ",\n".join(_text(run) for run in runs)
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text("{\n" + ",\n".join([*heads, f' "runs": [\n{bodies}\n ]']) + "\n}\n", encoding="utf-8")
    unfinished.replace(file)


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


def _run(body: Mapping[str, Any]) -> Run:
    fields: dict[str, Any] = dict(body)
    fields["cells"] = tuple(Cell(**cell) for cell in body["cells"])
    fields["remarks"] = tuple(body["remarks"])
    return Run(**fields)


def _text(run: Run) -> str:
    fields = asdict(run)
    cells = ",\n".join(f"   {_line(cell)}" for cell in fields.pop("cells"))
    heads = ", ".join(f"{json.dumps(key)}: {_line(value)}" for key, value in fields.items())
    return f'  {{{heads}, "cells": [\n{cells}\n  ]}}'


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
