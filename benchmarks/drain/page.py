"""docs/drain-benchmark.md: its tables, between marks, are what results.json says; the prose around them is by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.drain.disturbances import TITLES, Kind
from benchmarks.drain.plot import Row, plot
from benchmarks.drain.results import FILE, About, read_about, read_runs
from benchmarks.drain.run import Run
from benchmarks.drain.tally import Tally, crash, tally
from benchmarks.marked_page import fill
from local.cluster.layout import PROJECT
from measuring.kinds import ClientKind

PAGE = PROJECT / "docs" / "drain-benchmark.md"
PLOT = PROJECT / "docs" / "drain-benchmark.svg"

OURS = "tritonup"

GRACEFUL = tuple(kind for kind in Kind if kind is not Kind.CRASH)

CLIENTS: Mapping[str, str] = {
    ClientKind.HTTP: "HTTP, kept alive",
    ClientKind.HTTP_FRESH: "HTTP, new connections",
    ClientKind.GRPC: "gRPC, 4 channels",
}


def write_page(file: Path = FILE) -> None:
    """Put the tables between the page's marks, and write the plot. ValueError where there are no results."""
    about, runs = _measured(file)
    fill(PAGE, blocks(about, runs))
    PLOT.write_text(picture(about, runs), encoding="utf-8")


def blocks(about: About, runs: Sequence[Run]) -> Mapping[str, str]:
    """What stands between each pair of marks."""
    return {
        "claim": _claim(about, runs),
        "settings": _settings(about),
        "graceful": _graceful(about, runs),
        "crash": _crash(about, runs),
        "measured": _about(about, runs),
        "sources": _sources(about),
    }


def picture(about: About, runs: Sequence[Run]) -> str:
    groups = {
        TITLES[kind]: [
            Row(label=title, lost=tally(runs, settings=key, kinds=[kind], clients=list(CLIENTS)).lost)
            for key, title in _titles(about).items()
        ]
        for kind in _kinds(runs, tuple(Kind))
    }
    return plot(
        groups,
        title="Requests lost in each run of each disruption, by settings",
        axis="requests lost in a run, all its clients together (each dot is a run)",
    )


def _measured(file: Path) -> tuple[About, list[Run]]:
    about = read_about(file)
    if about is None:
        raise ValueError(f"there are no results in {file}: run `python -m benchmarks.drain measure` first")
    return about, read_runs(file)


def _titles(about: About) -> Mapping[str, str]:
    return {one["key"]: one["title"] for one in about["settings"]}


def _kinds(runs: Sequence[Run], among: Sequence[Kind]) -> list[Kind]:
    there = {run.kind for run in runs}
    return [kind for kind in among if kind.value in there]


def _claim(about: About, runs: Sequence[Run]) -> str:
    kinds = _kinds(runs, GRACEFUL)
    lines: list[str] = []
    for key, title in _titles(about).items():
        told = tally(runs, settings=key, kinds=kinds, clients=list(CLIENTS))
        lines.append(f"| {_strong(title, key)} | {told.sent:,} | {_strong(f'{told.total:,}', key)} |")
    head = (
        f"| Settings | Requests sent around {len([r for r in runs if r.kind in kinds])} graceful disruptions | Lost |"
    )
    return "\n".join([head, "|---|---|---|", *lines])


def _graceful(about: About, runs: Sequence[Run]) -> str:
    lines: list[str] = []
    for kind in _kinds(runs, GRACEFUL):
        clients = {c: t for c, t in CLIENTS.items() if tally(runs, settings=OURS, kinds=[kind], clients=[c]).sent}
        lines += [f"**{TITLES[kind][0].upper()}{TITLES[kind][1:]}**", ""]
        lines += [f"| Settings | {' | '.join(clients.values())} | sent |", f"|---|{'---|' * len(clients)}---|"]
        for key, title in _titles(about).items():
            cells = [tally(runs, settings=key, kinds=[kind], clients=[client]) for client in clients]
            sent = sum(cell.sent for cell in cells)
            lines.append(f"| {_strong(title, key)} | {' | '.join(map(_runs, cells))} | {sent:,} |")
        lines.append("")
    return "\n".join(lines).rstrip()


def _crash(about: About, runs: Sequence[Run]) -> str:
    lines = [
        "| Settings | In flight on the killed server | Lost after that | The last was sent after | sent |",
        "|---|---|---|---|---|",
    ]
    for key, title in _titles(about).items():
        told = crash(runs, settings=key)
        sent = tally(runs, settings=key, kinds=[Kind.CRASH], clients=list(CLIENTS)).sent
        last = " / ".join(f"{seconds:.1f} s" for seconds in told.last_s)
        lines.append(
            f"| {_strong(title, key)} | {_numbers(told.in_flight)} | {_numbers(told.later)} | {last} | {sent:,} |"
        )
    return "\n".join(lines)


def _settings(about: About) -> str:
    lines = [
        "| | grace | preStop | exit timeout | gRPC age | rollout (surge, unavailable) | budget | readiness |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in about["settings"]:
        age = one["grpc_age_ms"]["value"]
        cells = [
            _strong(one["title"], one["key"]),
            _fact(one["grace_s"], "s"),
            _fact(one["pre_stop_s"], "s") if one["pre_stop_s"]["value"] else "none",
            _fact(one["exit_timeout_s"], "s"),
            "none" if age is None else f"{age / 1000:g} s",
            f"{_fact(one['max_surge'])}, {_fact(one['max_unavailable'])}",
            "none" if one["budget"]["value"] is None else f"maxUnavailable {one['budget']['value']}",
            _probe(one["readiness"]["value"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _sources(about: About) -> str:
    lines: list[str] = []
    for one in about["settings"]:
        for source in one["sources"]:
            lines.append(
                f"- {one['title']}: `{source['repository']}`, `{source['path']}`, {source['commit'][:12]},"
                f" {source['date']}"
            )
    return "\n".join(lines)


def _about(about: About, runs: Sequence[Run]) -> str:
    machine, versions, model = about["machine"], about["versions"], about["model"]
    doubted = [f"{run.kind} {run.number}" for run in runs if any(cell.doubt for cell in run.cells)]
    aborted = [f"{one['kind']} {one['number']} ({one['why']})" for one in about.get("aborted", [])]
    restarted = [f"{run.kind} {run.number} ({', '.join(run.restarts)})" for run in runs if run.restarts]
    rates = sorted({run.rate for run in runs})
    dates = sorted({run.at[:10] for run in runs})
    return "\n".join(
        [
            f"- {len(runs)} runs on {' and '.join(dates)}; {', '.join(f'{rate:g}' for rate in rates)} requests a second"
            " from each kind of client to each setting at the same time (Poisson arrivals, no retries).",
            f"- {machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, Linux"
            f" {machine['kernel']}; Kubernetes {versions['kubernetes']}, Triton {versions['triton']}, tritonclient"
            f" {versions['tritonclient']}, aiohttp {versions['aiohttp']}, grpcio {versions['grpcio']}, Python"
            f" {versions['python']}; tritonup {versions['tritonup']}.",
            f"- The model takes {1000 * model['seconds']:g} ms, {model['instances']} instances, batches of up to"
            f" {model['batch']}. Each Triton may use {about['cpu_limit']} of a core.",
            f"- Runs in which a client was late itself and is to be doubted: {', '.join(doubted) or 'none'}.",
            f"- Runs that came to nothing, are in no figure and were made again: {'; '.join(aborted) or 'none'}.",
            "- Runs in which a server was started again that nobody had killed (a probe that the busy machine did not"
            f" answer in time): {', '.join(restarted) or 'none'}.",
        ]
    )


def _runs(told: Tally) -> str:
    return _numbers(told.lost)


def _numbers(numbers: Sequence[int]) -> str:
    return " / ".join(map(str, numbers)) or "not measured"


def _strong(text: str, key: str) -> str:
    return f"**{text}**" if key == OURS else text


def _fact(fact: Mapping[str, Any], unit: str = "") -> str:
    text = f"{fact['value']}{' ' if unit else ''}{unit}"
    return text if fact["by"] == "stated" else f"({text})"


def _probe(probe: Mapping[str, Any]) -> str:
    asked = probe["path"] or "a TCP connection"
    after = f" after {probe['initial_delay_s']} s" if probe["initial_delay_s"] else ""
    return f"{asked} every {probe['period_s']} s{after}, {probe['failures']} failures"
