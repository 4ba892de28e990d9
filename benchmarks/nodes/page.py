"""docs/node-benchmark.md: its table and its verdict, between marks, are what results.json says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.marked_page import fill
from benchmarks.nodes.results import FILE, read_results
from benchmarks.nodes.run import GPU_AFTER_S, NODE_AFTER_S, Run
from benchmarks.nodes.settings import OURS, READ, SETTINGS
from local.cluster.layout import PROJECT

PAGE = PROJECT / "docs" / "node-benchmark.md"


def write_page(file: Path = FILE) -> None:
    """ValueError where there are no results, or where the page lacks a mark."""
    about, runs = read_results(file)
    if not runs:
        raise ValueError(f"there are no results in {file}: run `python -m benchmarks.nodes measure` first")
    fill(PAGE, blocks(about, runs))


def blocks(about: Mapping[str, Any], runs: Sequence[Run]) -> Mapping[str, str]:
    """What stands between each pair of marks."""
    return {"table": _table(runs), "verdict": _verdict(runs), "measured": _measured(about, runs), "sources": _sources()}


def nodes_a_pod(runs: Sequence[Run], key: str) -> float:
    own = [run for run in runs if run.settings == key]
    return sum(run.bought for run in own) / sum(run.pods for run in own)


def _table(runs: Sequence[Run]) -> str:
    lines = [
        "| Pools | pods | nodes bought | nodes a pod | pod created until it runs: median, longest |",
        "|---|---|---|---|---|",
    ]
    for settings in SETTINGS:
        own = [run for run in runs if run.settings == settings.key]
        if not own:
            continue
        served = [seconds for run in own for seconds in run.served_s]
        title = f"**{settings.title}**" if settings.key == OURS else settings.title
        lines.append(
            f"| {title} | {sum(run.pods for run in own)} | {sum(run.bought for run in own)}"
            f" | {nodes_a_pod(runs, settings.key):.2f} | {median(served):.0f} s, {max(served):.0f} s |"
        )
    return "\n".join(lines)


def _verdict(runs: Sequence[Run]) -> str:
    """A baseline that buys one node a pod shows nothing, and is said to."""
    measured = {run.settings for run in runs}
    lines: list[str] = []
    for settings in SETTINGS:
        if not settings.baseline or settings.key not in measured:
            continue
        found = nodes_a_pod(runs, settings.key)
        lines.append(
            f"- {settings.title}: {found:.2f} nodes a pod, so the effect shows."
            if found > 1
            else f"- {settings.title}: {found:.2f} nodes a pod, so the effect was **not demonstrated** with it."
        )
    return "\n".join(lines)


def _measured(about: Mapping[str, Any], runs: Sequence[Run]) -> str:
    rounds = len({run.number for run in runs})
    return (
        f"Begun {about['begun'][:10]} on {about['cores']} cores, Kubernetes {about['kubernetes']}, Karpenter"
        f" {about['karpenter']}, {rounds} round(s). A node is ready {NODE_AFTER_S} s after it is bought, and its GPU"
        f" can be allocated {GPU_AFTER_S} s later."
    )


def _sources() -> str:
    return "\n".join(
        f"- {settings.title}: [{source.repository} {source.path}]({source.url}), read {READ}"
        for settings in SETTINGS
        for source in settings.sources
    )
