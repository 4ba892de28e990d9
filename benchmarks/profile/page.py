"""The tables of docs/profile-benchmark.md, from results.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.marked_page import fill
from benchmarks.profile.results import FILE, read_results
from benchmarks.profile.run import DEFAULT, PROPOSED, Run, ratios
from benchmarks.profile.run import FILE as COMMITTED
from measuring.profile.curve import misses
from planning.profiles.file import Measured

PAGE = Path(__file__).resolve().parents[2] / "docs" / "profile-benchmark.md"

AIM = 2.0
"""Times as many requests at the same p99."""


def write_page(file: Path = FILE) -> None:
    about, runs = read_results(file)
    if not runs:
        raise SystemExit(f"{file} has no runs: `python -m benchmarks.profile measure` first")
    fill(PAGE, blocks(about, runs))


def blocks(about: Mapping[str, Any], runs: Sequence[Run]) -> Mapping[str, str]:
    """What stands between each pair of marks."""
    return {
        "table": _table(runs),
        "verdict": _verdict(runs),
        "measured": _measured(about, runs),
        "predicted": _predicted(runs),
    }


def gain(run: Run) -> float | None:
    """How many times as many requests the proposal answers as the config that it is for: the median of the rounds.
    None where nothing was proposed, or the promise was never kept."""
    every = ratios(run, PROPOSED, DEFAULT)
    return median(every) if every and run.diff else None


def _table(runs: Sequence[Run]) -> str:
    lines = [
        "| Model | p99 within | no batching | as proposed | as committed | proposed to none, each round |",
        "|---|---|---|---|---|---|",
    ]
    for run in runs:
        rates = (f"{median(run.rates[name]):.0f}/s" for name in (DEFAULT, PROPOSED, COMMITTED))
        each = ", ".join(f"{ratio:.2f}" for ratio in ratios(run, PROPOSED, DEFAULT)) or "none answered in time"
        lines.append(f"| `{run.model}` | {run.within * 1e3:.0f} ms | {' | '.join(rates)} | {each} |")
    return "\n".join(lines)


def _verdict(runs: Sequence[Run]) -> str:
    """A model that gains less than the aim is said to."""
    lines: list[str] = []
    for run in runs:
        found = gain(run)
        if not run.diff:
            same = ", ".join(f"{ratio:.2f}" for ratio in ratios(run, PROPOSED, DEFAULT))
            lines.append(
                f"- `{run.model}`: nothing was proposed: both are one config, and a doubling was **not demonstrated**;"
                f" that it answered {same} times as many as itself is the noise of this machine."
            )
        elif found is None:
            lines.append(f"- `{run.model}`: without batching no rate kept the promise, so there is nothing to compare.")
        elif found >= AIM:
            lines.append(f"- `{run.model}`: the proposal answers {found:.2f} times as many at the same p99.")
        else:
            lines.append(f"- `{run.model}`: {found:.2f} times as many, so a doubling was **not demonstrated** with it.")
    return "\n".join(lines)


def _measured(about: Mapping[str, Any], runs: Sequence[Run]) -> str:
    rounds = max(len(run.rates[DEFAULT]) for run in runs)
    busy = ", ".join(f"{run.load_before:.1f}" for run in runs)
    return (
        f"Measured {about['measured']} on {about['cores']} cores of {about['processor']} that client and server share,"
        f" {rounds} round(s), loads of {runs[0].load_s:g} s; a rate is too high where it fails twice. The machine's"
        f" load average before each model was {busy}."
    )


def _predicted(runs: Sequence[Run]) -> str:
    lines = [
        "| Model | an execution of n takes | off on held-out batches | off on held-out p99 | with interruptions"
        " | predicted gain | measured |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        one, advice, found = run.profile.measured[0], run.profile.advice, gain(run)
        foreseen = f"{advice.best.rate / advice.now.rate:.2f}" if advice.now.rate else "from none"
        missed = (one.curve_error, one.latency_error, _interrupted(one))
        gains = f"{foreseen} | {'–' if found is None else f'{found:.2f}'}"
        curve = f"{one.a * 1e3:.2f} + n · {one.b * 1e3:.3f} ms"
        lines.append(f"| `{run.model}` | {curve} | {' | '.join(map(_share, missed))} | {gains} |")
    return "\n".join(lines)


def _interrupted(one: Measured) -> float | None:
    """How far the predictions are from what all requests of the held-out loads say."""
    judged = [point for point in one.latency if point.held_out and point.interrupted]
    missed = misses([point.predicted for point in judged], [point.interrupted or 0.0 for point in judged])
    return None if missed is None else missed.mean


def _share(error: float | None) -> str:
    return "–" if error is None else f"{error:.0%}"
