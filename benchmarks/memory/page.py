"""The figures of docs/memory.md, from results.json."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.marked_page import fill
from benchmarks.memory.cases import PROJECT
from benchmarks.memory.results import Measured, Results

PAGE = PROJECT / "docs" / "memory.md"
AIM = 0.15
"""How far an estimate may be from what is measured (issue 6)."""

SHOWN = "text_encoder"
MIB = 2**20


def write_page(results: Results) -> None:
    fill(PAGE, blocks(results))


def blocks(results: Results) -> dict[str, str]:
    shown = next(one for one in results.cases if one.name == SHOWN)
    return {
        "how": _how(results),
        "models": _table([one for one in results.cases if one.use == "held out"]),
        "calibration": _table([one for one in results.cases if one.use == "calibration"]),
        "parts": _parts(shown),
        "verdict": _verdict(results),
        "start": _starts(results),
    }


def _how(results: Results) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return (
        f"Measured on {results.on}, {results.cores} cores that others used at the same time, Linux {results.kernel},\n"
        f"{versions}; {results.requests} requests of each model."
    )


def _table(cases: Sequence[Measured]) -> str:
    rows = [
        f"| `{one.name}` | {one.ready.total / MIB:.0f} | {one.asked.total / MIB:.0f} | {one.said.value / MIB:.0f}"
        f" ± {one.said.error / MIB:.0f} | {one.ratio:.2f} | {one.asked.peak / MIB:.0f} | {one.said.most / MIB:.0f} |"
        for one in cases
    ]
    head = "| Server of | ready | asked | planned | planned / asked | peak | TU402 asks for |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def _parts(one: Measured) -> str:
    rows = [f"| {part.name} | {part.size / MIB:.1f} | {part.error / MIB:.1f} |" for part in one.said.parts]
    seen = one.asked
    return "\n".join(
        [
            "| Part | MiB | give or take |",
            "|---|---|---|",
            *rows,
            f"| **planned** | **{one.said.value / MIB:.1f}** | **{one.said.error / MIB:.1f}** |",
            f"| measured: without a file {seen.anonymous / MIB:.1f}, of files {seen.files / MIB:.1f}, shared"
            f" {seen.shared / MIB:.1f} | {seen.total / MIB:.1f} | |",
        ]
    )


def _verdict(results: Results) -> str:
    held = [one for one in results.cases if one.use == "held out"]
    near = [one for one in held if abs(one.ratio - 1) <= AIM]
    inside = [one for one in held if abs(one.said.value - one.asked.total) <= one.said.error]
    enough = [one for one in held if one.said.most >= one.asked.peak]
    worst = max(held, key=lambda one: abs(one.ratio - 1))
    return (
        f"Of {len(held)} servers that no constant was read off, **{len(near)}** are within {AIM:.0%}; the farthest is"
        f" `{worst.name}`, {worst.ratio:.2f}\ntimes what was measured. {len(inside)} are inside of their error."
        f" What TU402 asks for was enough for {len(enough)} of them at their peak."
    )


def _starts(results: Results) -> str:
    rows = [
        f"| `{one.name}` | {one.started_s:.1f} | {one.said.start_s} | {one.said.budget_s} |"
        for one in results.cases
        if one.use == "held out"
    ]
    return "\n".join(["| Server of | measured, s | planned, s | waited for, s |", "|---|---|---|---|", *rows])
