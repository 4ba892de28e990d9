"""benchmarks/store/README.md, from benchmarks/store/results.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
PAGE = FOLDER / "README.md"

OURS = "tritonup models pull"

Results = Mapping[str, Any]


def read_results() -> Results:
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def ratios(results: Results, tool: str) -> Sequence[float]:
    """How many times faster ours was than `tool`, round by round: both saw the same minute of the machine."""
    return [one["seconds"][tool] / one["seconds"][OURS] for one in results["rounds"]]


def page(results: Results) -> str:
    mib = results["bytes"] / 2**20
    rounds = results["rounds"]
    tools = list(rounds[0]["seconds"])
    rows = [
        f"| `{tool}` | {results['commands'][tool]} | {median(_seconds(rounds, tool)):.2f}"
        f" ({min(_seconds(rounds, tool)):.2f} to {max(_seconds(rounds, tool)):.2f})"
        f" | {mib / median(_seconds(rounds, tool)):.0f} | {_ratio(results, tool)} |"
        for tool in tools
    ]
    loads = [load for one in rounds for load in one["load"]]
    return "\n".join(
        [
            "# Fetching a published digest",
            "",
            f"{results['files']} files, {mib:.0f} MiB, from MinIO on loopback onto this machine's disk, whole processes"
            " from start to end,",
            f"one after the other in {len(rounds)} rounds, each round in another order. Measured on"
            f" {results['on']} on {results['cores']} cores",
            f"({results['processor']}), which others used at the same time: load average {min(loads):.1f} to"
            f" {max(loads):.1f}.",
            "",
            "| Tool | How | Seconds: median (least to most) | MiB/s | Ours is faster by: median (least to most) |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "What each does beside fetching: ours verifies the signature and the SHA-256 of every file, and renames a"
            " whole directory;",
            "rclone compares MD5 where the store says one, which is not so for files that were uploaded in parts; the"
            " AWS command line",
            "compares the store's own checksums where there are any; `rclone checksum` then reads every file again for"
            " its SHA-256.",
            "None writes through to the disk.",
            "",
            f"Versions: {', '.join(f'{name} {version}' for name, version in results['versions'].items())}.",
            "",
            "```console",
            "$ python -m local.object_stores minio rclone    # once",
            "$ python -m benchmarks.store                    # measures, and writes results.json and this page",
            "```",
            "",
        ]
    )


def _seconds(rounds: Sequence[Mapping[str, Any]], tool: str) -> Sequence[float]:
    return [one["seconds"][tool] for one in rounds]


def _ratio(results: Results, tool: str) -> str:
    if tool == OURS:
        return ""
    found = ratios(results, tool)
    return f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})"
