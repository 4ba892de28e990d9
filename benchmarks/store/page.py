"""benchmarks/store/README.md, from benchmarks/store/results.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.store.link import BASELINES
from benchmarks.store.tools import ABOUT, OURS

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
PAGE = FOLDER / "README.md"

Results = Mapping[str, Any]

_HEAD = (
    "| Tool | Seconds: median (least to most) | MiB/s | Its CPU, s | MinIO's CPU, s"
    " | Ours is faster by: median (least to most) |",
    "|---|---|---|---|---|---|",
)


def read_results() -> Results:
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def ratios(setting: Results, tool: str) -> Sequence[float]:
    """How many times faster ours was than `tool`, round by round: both saw the same minute of the machine."""
    return [one["runs"][tool]["seconds"] / one["runs"][OURS]["seconds"] for one in setting["rounds"]]


def page(results: Results) -> str:
    return "\n".join(
        [
            "# Fetching a published digest",
            "",
            "From MinIO on this machine onto its disk, where nothing else is said: whole processes from start to end,"
            " one after the other, each round in another order.",
            f"Measured on {results['on']} on {results['cores']} cores ({results['processor']}), which MinIO and each"
            " tool share. None writes",
            "through to the disk. CPU is user and system time, the median of the rounds.",
            "",
            *(line for setting in results["settings"] for line in _setting(setting)),
            "## What each does",
            "",
            *(f"- `{tool}`: {about}" for tool, about in ABOUT.items()),
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


def _setting(setting: Results) -> Sequence[str]:
    mib = setting["bytes"] / 2**20
    loads = [load for one in setting["rounds"] for load in one["load"]]
    of = f"{setting['files']} files, {mib:.0f} MiB, {len(setting['rounds'])} rounds"
    load = f"Load average {min(loads):.1f} to {max(loads):.1f}."
    title = f"Over a link of {setting['link']:g} Gbit/s" if setting["link"] else "On loopback"
    told = f"{of}."
    if setting["into_memory"]:
        title += ", large files into memory"
        told += " Into a file system in memory, as the delivery `onto: memory` does: no disk decides."
    if setting["link"]:
        told += (
            " To another network namespace: the store's packets pass a token bucket (tc-tbf) of the bandwidth that"
            f" {BASELINES[setting['link']]} have at all times. At that speed the bytes alone take"
            f" {setting['bytes'] * 8 / setting['link'] / 1e9:.2f} s."
        )
    tools = list(setting["rounds"][0]["runs"])
    return [f"## {title}", "", f"{told} {load}", "", *_HEAD, *(_row(setting, tool, mib) for tool in tools), ""]


def _row(setting: Results, tool: str, mib: float) -> str:
    seconds, cpu, store = (
        [one["runs"][tool][what] for one in setting["rounds"]] for what in ("seconds", "cpu", "store_cpu")
    )
    told = f"{median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
    ratio = ratios(setting, tool)
    faster = "" if tool == OURS else f"{median(ratio):.2f} ({min(ratio):.2f} to {max(ratio):.2f})"
    return f"| `{tool}` | {told} | {mib / median(seconds):.0f} | {median(cpu):.2f} | {median(store):.2f} | {faster} |"
