"""`tritonup traffic`: requests at a steady rate to a server that you name, and what became of each."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.console import Exit, err, out
from cli.project import project_root
from local.errors import CannotServeError
from measuring.arrivals import Arrivals, Constant, Poisson, UnboundedLoadError
from measuring.kinds import ClientKind
from measuring.records import Record, write_lines
from measuring.summary import Summary, doubt, summarise

INTERRUPTED = 130
"""What shells report for a command that Ctrl-C ended."""

TRITONS_PORT = {ClientKind.HTTP: 8000, ClientKind.HTTP_FRESH: 8000, ClientKind.GRPC: 8001}


def traffic(
    model: Annotated[str, typer.Option("--model", "-m", help="A model of the repository; its sample.json is sent.")],
    url: Annotated[str, typer.Option("--url", "-u", help="host:port; left out, Triton's own port here.")] = "",
    rate: Annotated[float, typer.Option("--rate", "-r", help="Requests a second.")] = 10.0,
    seconds: Annotated[float, typer.Option("--seconds", "-t", help="How long requests are sent.")] = 10.0,
    client: Annotated[
        ClientKind, typer.Option("--client", "-c", help="Kept-alive HTTP, a connection for each request, or gRPC.")
    ] = ClientKind.HTTP,
    seed: Annotated[int, typer.Option("--seed", help="Of the arrival times: the same seed, the same times.")] = 0,
    constant: Annotated[bool, typer.Option("--constant", help="Equal gaps instead of a Poisson process.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds that an answer may take.")] = 30.0,
    repository: Annotated[
        Path | None, typer.Option("--repository", help="Where the model is; left out, model_repository here.")
    ] = None,
    records: Annotated[
        Path | None, typer.Option("--records", help="Write every request to this file, one JSON object a line.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Send requests at planned times, whatever becomes of them, and say what each came to. Exits 0 where every
    answer was right, 1 where one was not, 2 where nothing could be sent."""
    arrivals: Arrivals = (
        Constant(rate=rate, seconds=seconds) if constant else Poisson(rate=rate, seconds=seconds, seed=seed)
    )
    directory = (repository or project_root() / "model_repository") / model
    sent, whole = _send(directory, _target(url, client), client, arrivals, timeout)
    if records is not None:
        with records.open("w") as lines:
            write_lines(sent, lines)
    summary = summarise(sent)
    if json_:
        out.print_json(json.dumps({**asdict(summary), "failures": summary.failures, "doubt": doubt(summary)}))
    else:
        _text(summary)
    if (why := doubt(summary)) is not None:
        err.print(f"[yellow]warning[/] {why}")
    if not whole:
        raise typer.Exit(INTERRUPTED)
    if summary.failures:
        raise typer.Exit(Exit.FINDINGS)


def _target(url: str, kind: ClientKind) -> str:
    if not url:
        return f"127.0.0.1:{TRITONS_PORT[kind]}"
    target = url.removeprefix("http://").removeprefix("grpc://").rstrip("/")
    if "://" in target or "/" in target or ":" not in target:
        raise typer.BadParameter(f"{url!r} is not host:port (TLS and paths are not supported).", param_hint="--url")
    return target


def _send(
    directory: Path, target: str, kind: ClientKind, arrivals: Arrivals, timeout_s: float
) -> tuple[tuple[Record, ...], bool]:
    """Every request that came to something, and whether all of them were sent."""
    # Here, because the client libraries take half a second to import, and the HTTP one may be missing.
    try:
        from measuring.question import read_question
        from measuring.run import Load, UnreachableError, run
    except ImportError as error:
        err.print(f"The client library for this is not installed: {error}.", markup=False)
        raise typer.Exit(Exit.USAGE) from error
    seen: list[Record] = []
    try:
        if not directory.is_dir():
            raise CannotServeError(f"There is no model {directory.name!r} in {directory.parent.name}/.")
        load = Load(target=target, kind=kind, question=read_question(directory), arrivals=arrivals, timeout_s=timeout_s)
        with _progress() as progress:
            bar = progress.add_task(f"{load.question.model} at {target}", total=arrivals.rate * arrivals.seconds)

            def note(record: Record) -> None:
                seen.append(record)
                progress.advance(bar)

            return run(load, note), True
    except KeyboardInterrupt:
        return tuple(sorted(seen, key=lambda record: record.number)), False
    except (CannotServeError, UnboundedLoadError, UnreachableError) as error:
        err.print(str(error), markup=False, style="red")
        raise typer.Exit(Exit.USAGE) from error


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def _text(summary: Summary) -> None:
    style = "red" if summary.failures else "green"
    out.print(f"{summary.count} requests, {summary.failures} not answered rightly", style=style)
    for why, count in summary.failed.items():
        out.print(f"  {count} {why}", markup=False)
    if summary.p50 is not None:
        points = (("p50", summary.p50), ("p90", summary.p90), ("p99", summary.p99), ("max", summary.greatest))
        told = ", ".join(f"{name} {seconds * 1e3:.1f}" for name, seconds in points if seconds is not None)
        out.print(f"latency from the planned start, in ms: {told}")
    out.print(f"sent late by this client: {summary.late} (at most {summary.latest * 1e3:.0f} ms)", style="dim")
