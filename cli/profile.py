"""`tritonup profile`: how long a model takes by its batch, and the settings that answer most within a promise."""

from __future__ import annotations

import difflib
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from cli.console import Exit, err, out
from cli.profile_page import profile_page
from cli.profile_text import bars, caution, hardware, heading, loads, proposal, sentences
from cli.project import project_root
from cli.serve import servers_of_stack
from local.errors import CannotServeError
from local.installed import find_installed
from measuring.profile.search import Promise
from planning.catalogue.gpus import GPUS
from planning.profiles.file import Gpu, Processor, Profile, written
from planning.repository.model import Model
from planning.repository.reader import read_repository
from planning.settings.quantities import Duration

DEFAULT_WITHIN = "50ms"
"""Where neither the option nor the stack's server promises anything. A choice of ours."""

LEAST_SECONDS = 5.0


def profile(
    model: Annotated[str, typer.Argument(help="A model of the repository.")],
    target: Annotated[
        str, typer.Option("--target", help="host:port of a running Triton's HTTP service, measured as it is.")
    ] = "",
    stack: Annotated[
        str,
        typer.Option(
            "--stack", "-s", help="Whose repository has the model; its server is started here without --target."
        ),
    ] = "local",
    within: Annotated[
        str, typer.Option("--within", help="The promise; left out, the server's slo.latency, or 50ms.")
    ] = "",
    percentile: Annotated[float, typer.Option("--percentile", min=50, max=99.9, help="Of the promise.")] = 99.0,
    instances: Annotated[
        str, typer.Option("--instances", help="Also with so many instances, as 2,4; not with --target.")
    ] = "",
    seconds: Annotated[
        float, typer.Option("--seconds", min=LEAST_SECONDS, help="Of load, for each number of instances; about.")
    ] = 60.0,
    on: Annotated[
        str, typer.Option("--hardware", help="A GPU of the catalogue, or `cpu`; left out, this machine's processor.")
    ] = "",
    repository: Annotated[
        Path | None, typer.Option("--repository", help="Where the model is; left out, the stack's own repository.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", help="The profile's file; left out, profile.<hardware>.json beside the model."),
    ] = None,
    diff: Annotated[Path | None, typer.Option("--diff", help="Write the proposed change to this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the curves as one self-contained page.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print profile and proposal as JSON.")] = False,
) -> None:
    """Measure a model's service times and latency by open loops, fit them, hold half of it out, and propose batching
    and instances for a promise. Exits 0, or 2 where nothing could be measured."""
    for option, path in (("--save", save), ("--diff", diff), ("--html", html)):
        if path is not None and not path.absolute().parent.is_dir():
            raise typer.BadParameter(f"there is no directory {path.absolute().parent}.", param_hint=option)
    try:
        from measuring.profile.profiling import Wanted, profile_started, profile_target
        from measuring.profile.server import RunningServer
        from measuring.question import read_question
    except ImportError as error:
        err.print(f"The client library for this is not installed: {error}.", markup=False)
        raise typer.Exit(Exit.USAGE) from error
    try:
        found = _model(repository or _repository(stack), model)
        counts = _counts(instances, target)
        promise = None if not within else _promise(within, percentile)
        sample = read_question(found.directory) if (found.directory / "sample.json").is_file() else None
        with err.status(f"profiling {model}") as status:
            if target:
                wanted = Wanted(
                    model=found,
                    question=sample,
                    promise=promise or _promise(DEFAULT_WITHIN, percentile),
                    hardware=_hardware(on),
                    seconds=seconds,
                )
                done = profile_target(wanted, RunningServer(_host_and_port(target)), status.update)
            else:
                deployment, promised = _server(stack, found)
                installed = find_installed(project_root())
                if isinstance(installed, str):
                    raise CannotServeError(f"No Triton can be started here: {installed}. Name one with --target.")
                wanted = Wanted(
                    model=found,
                    question=sample,
                    promise=promise or _promise(promised or DEFAULT_WITHIN, percentile),
                    hardware=_hardware("cpu"),
                    seconds=seconds,
                )
                done = profile_started(wanted, deployment, installed, counts, status.update)
    except CannotServeError as error:
        err.print(str(error), markup=False, style="red")
        raise typer.Exit(Exit.USAGE) from error
    change = _diff(found, done.config)
    _tell(done.profile, change, done.doubts, as_json=json_)
    for option, path, text in (
        ("--save", save or found.directory / done.profile.filename, written(done.profile)),
        ("--diff", diff, change),
        ("--html", html, profile_page(done.profile, change)),
    ):
        if path is not None:
            _write(option, path, text)


def _tell(measured: Profile, change: str, doubts: Sequence[str], *, as_json: bool) -> None:
    for doubt in doubts:
        err.print(f"[yellow]warning[/] {doubt}")
    if (warned := caution(measured.measured)) is not None:
        err.print(f"[yellow]warning[/] {warned}")
    if as_json:
        typer.echo(json.dumps({"profile": json.loads(written(measured)), "diff": change}, indent=1))
        return
    out.print(heading(measured), style="bold", markup=False)
    out.print(hardware(measured), markup=False)
    for one in measured.measured:
        out.print(f"\n{one.instances} instance{'s' if one.instances > 1 else ''}", style="bold")
        for line in (*sentences(one, measured.advice.percentile), "", *bars(one), "", *loads(one)):
            out.print(line, markup=False)
    out.print(f"\n{proposal(measured.advice)}", markup=False)
    if change:
        out.print(f"\n{change}", markup=False, end="")


def _model(directory: Path, name: str) -> Model:
    read, findings = read_repository(directory)
    if name not in read.models:
        broken = [str(finding) for finding in findings if name in finding.at.file]
        there = ", ".join(read.models) or "none"
        raise CannotServeError(
            "\n".join(broken)
            or f"There is no model {name!r} in {directory.as_posix()}. It has: {there}. Name the stack that serves it"
            " with --stack, or its repository with --repository."
        )
    return read.models[name]


def _repository(stack: str) -> Path:
    """The one that the stack plans with; `model_repository` where its file cannot be read, which is told later if it
    matters."""
    from stacks.stackfile import StackFile, read_stack_file

    root = project_root()
    file = read_stack_file(root, stack)
    return root / (file.settings.model_repository.directory if isinstance(file, StackFile) else "model_repository")


def _server(stack: str, model: Model) -> tuple[Mapping[str, object], str]:
    """The Deployment that serves `model` in `stack`, and what its server promises ("" for nothing)."""
    from stacks.stackfile import StackFile, read_stack_file

    root = project_root()
    for server in servers_of_stack(stack, root):
        if any(served.name == model.name for served in server.models):
            file = read_stack_file(root, stack)
            latency = file.settings.servers[server.name].slo.latency if isinstance(file, StackFile) else None
            return server.deployment, str(latency.within) if latency else ""
    raise CannotServeError(
        f"Stack {stack!r} serves no model {model.name!r}: name one that does with --stack, or a running Triton with"
        " --target."
    )


def _promise(within: str, percentile: float) -> Promise:
    if re.fullmatch(Duration.pattern, within) is None:
        raise typer.BadParameter(f"{within!r} is not {Duration.meaning}, as 50ms.", param_hint="--within")
    return Promise(within=Duration.parse(within).millis / 1e3, percentile=percentile)


def _counts(instances: str, target: str) -> list[int]:
    if not instances:
        return []
    if target:
        raise typer.BadParameter("a Triton that runs is measured as it is: leave it out.", param_hint="--instances")
    try:
        counts = [int(part) for part in instances.split(",")]
    except ValueError:
        counts = [0]
    if min(counts) < 1:
        raise typer.BadParameter(f"{instances!r} is not numbers from 1, as 2,4.", param_hint="--instances")
    return counts


def _hardware(name: str) -> Processor | Gpu:
    if name and name != "cpu":
        if name not in GPUS:
            raise typer.BadParameter(
                f"{name!r} is no GPU of the catalogue: `cpu` or one of {', '.join(GPUS)}.", param_hint="--hardware"
            )
        return Gpu(kind="gpu", gpu=name)
    return this_processor()


def this_processor() -> Processor:
    name = platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return Processor(kind="cpu", name=name, cores=len(os.sched_getaffinity(0)))


def _host_and_port(target: str) -> str:
    plain = target.removeprefix("http://").rstrip("/")
    host, _, port = plain.rpartition(":")
    if not host or "/" in plain or not port.isdecimal():
        raise typer.BadParameter(
            f"{target!r} is not host:port (TLS and paths are not supported).", param_hint="--target"
        )
    return plain


def _diff(model: Model, config: str) -> str:
    with suppress(ValueError):
        path = model.config_path.resolve().relative_to(project_root()).as_posix()
        return _unified(path, model.config_text, config)
    return _unified(model.config_path.name, model.config_text, config)


def _unified(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _write(option: str, path: Path, text: str) -> None:
    """Whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as refused:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        err.print(f"{option}: {path} cannot be written: {refused.strerror}.", style="red", markup=False)
        raise typer.Exit(Exit.FINDINGS) from refused
    err.print(f"written: {path}", markup=False, style="dim")
