"""`tritonup serve`: the servers of a stack as processes on this machine, from exactly what was rendered."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from cli.project import project_root
from cli.serving_view import ServingView
from local.ask import Answer, Asker
from local.client import Wire, client_library
from local.container import read_container
from local.docker import docker_command
from local.errors import CannotServeError
from local.installed import InstalledTriton, find_installed
from local.interrupts import Interrupts
from local.ports import allot_ports
from local.sample import read_sample
from local.servers import LocalServer, prepare_all, servers_of, start_all, stop_all
from local.triton import RunningTriton

PROJECT = Path(__file__).resolve().parents[1]
"""Where `make` installs the Triton of this machine."""

DEFAULT_PORT = 8000
"""Triton's own."""

POLL_S = 0.03
"""Between two looks at the servers. A start takes some seconds, so this costs nothing that is noticed."""

FAILED = 1
STOPPED_WHILE_LOADING = 130
"""What shells report for a command that Ctrl-C ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """`first_port` is the first server's HTTP port, and 0 takes free ones."""

    once: bool = False
    first_port: int = DEFAULT_PORT
    wire: Wire = Wire.GRPC
    as_json: bool = False
    show_log: bool = True


def serve_servers(servers: Sequence[LocalServer], options: ServeOptions, *, project: Path = PROJECT) -> int:
    """Serve until Ctrl-C (or, with `once`, until every model has answered); the command's exit code."""
    view = ServingView(show_log=options.show_log)
    try:
        installed = find_installed(project)
        if isinstance(installed, str):
            return _tell_docker(servers, options, installed, view)
        with Interrupts() as interrupts:
            return _serve(servers, options, installed, view, interrupts)
    except CannotServeError as error:
        view.refuse(str(error))
        return FAILED


def _serve(
    servers: Sequence[LocalServer],
    options: ServeOptions,
    installed: InstalledTriton,
    view: ServingView,
    interrupts: Interrupts,
) -> int:
    prepared = prepare_all(servers, installed=installed, first_port=options.first_port)
    for server, one in zip(servers, prepared, strict=True):
        view.prepared(one, server.release)
    running = start_all(prepared, view.log)
    try:
        # The client library takes half a second to import: while the models load, nobody notices.
        threading.Thread(target=_import_early, args=(options.wire,), daemon=True).start()
        if not _wait_until_ready(running, view, interrupts):
            view.say("Stopped while loading: no request had been accepted.")
            return STOPPED_WHILE_LOADING
        answers = _ask_all(servers, running, options, view, interrupts)
        right = all(answer.fault is None for told in answers.values() for answer in told)
        if options.as_json:
            typer.echo(json.dumps(_report(running, answers), indent=2))
        if options.once:
            return 0 if right else FAILED
        view.addresses(running)
        _stay(running, interrupts)
        drained = _drain(running, view, interrupts)
        return 0 if right and drained else FAILED
    finally:
        stop_all(running)


def _import_early(wire: Wire) -> None:
    with contextlib.suppress(CannotServeError):  # whoever needs it hears of it
        client_library(wire)


def _wait_until_ready(running: Sequence[RunningTriton], view: ServingView, interrupts: Interrupts) -> bool:
    """False where the user stops it before."""
    with view.loading(running) as loading:
        waiting = list(running)
        while waiting and not interrupts.asked.wait(POLL_S):
            waiting = [triton for triton in waiting if not triton.ready()]
            loading.update()
    return not waiting


def _ask_all(
    servers: Sequence[LocalServer],
    running: Sequence[RunningTriton],
    options: ServeOptions,
    view: ServingView,
    interrupts: Interrupts,
) -> Mapping[str, Sequence[Answer]]:
    """Every model that is served is asked, in the plan's order, until the user stops it."""
    answers: dict[str, list[Answer]] = {}
    for server, triton in zip(servers, running, strict=True):
        told = answers.setdefault(server.name, [])
        with Asker(triton.prepared.ports, options.wire) as asker:
            for model in server.models:
                if model.name in triton.prepared.staging.served and not interrupts.asked.is_set():
                    told.append(asker.ask(model.name, read_sample(model)))
                    if not options.as_json or told[-1].fault is not None:
                        view.answer(server.name, told[-1], on_output=not options.as_json)
    return answers


def _report(running: Sequence[RunningTriton], answers: Mapping[str, Sequence[Answer]]) -> object:
    return {
        "servers": [
            {
                "name": triton.name,
                "ports": dict(triton.prepared.ports),
                "adaptations": [asdict(adaptation) for adaptation in triton.prepared.command.adaptations],
                "left_out": [asdict(model) for model in triton.prepared.left_out],
                "answers": [asdict(answer) for answer in answers[triton.name]],
            }
            for triton in running
        ]
    }


def _stay(running: Sequence[RunningTriton], interrupts: Interrupts) -> None:
    """Until the user asks to stop. Raises CannotServeError where a server ends by itself."""
    while not interrupts.asked.wait(POLL_S * 10):
        for triton in running:
            if triton.ended() is not None:
                raise CannotServeError(triton.why_it_ended())


def _drain(running: Sequence[RunningTriton], view: ServingView, interrupts: Interrupts) -> bool:
    """All leave at the same time, as the pods of a deleted stack would. Whether each ended by itself."""
    hurry = {triton.name: Event() for triton in running}
    leaving = {triton.name: triton.leave(hurry[triton.name]) for triton in running}
    while leaving:
        if interrupts.hurry.is_set():
            interrupts.hurry.clear()
            for event in hurry.values():
                event.set()
        for name, steps in list(leaving.items()):
            step = next(steps, None)
            if step is None:
                del leaving[name]
            elif step:
                view.say(f"{name}: {step}")
        time.sleep(POLL_S)
    return all(triton.ended() == 0 for triton in running)


def _tell_docker(servers: Sequence[LocalServer], options: ServeOptions, reason: str, view: ServingView) -> int:
    allotted = allot_ports(options.first_port or DEFAULT_PORT, len(servers))
    commands = {
        server.name: docker_command(server.name, read_container(server.deployment), server.models, ports)
        for server, ports in zip(servers, allotted, strict=True)
    }
    view.refuse(f"No Triton can be started here: {reason}.")
    if options.as_json:
        typer.echo(json.dumps({"because": reason, "docker": commands}, indent=2))
    else:
        view.say("With Docker, this does the same:")
        for command in commands.values():
            typer.echo(command)
    return FAILED


def servers_of_stack(stack: str, project: Path) -> tuple[LocalServer, ...]:
    """The servers of `stack`, with the Deployments that `tritonup render` writes for it."""
    # Here, because the SDK that renders takes seconds to import, and most commands do not render.
    from stacks.planned import planned
    from stacks.render import UnknownValuesError, rendered
    from stacks.stackfile import StackFile, read_stack_file

    stackfile = read_stack_file(project, stack)
    if not isinstance(stackfile, StackFile):
        raise CannotServeError("\n".join(str(finding) for finding in stackfile))
    plan = planned(stackfile.settings, project)
    if plan.errors:
        raise CannotServeError("\n".join(str(stackfile.locate(finding)) for finding in plan.errors))
    try:
        manifests = rendered(plan, stack)
    except UnknownValuesError as error:
        raise CannotServeError(str(error)) from error
    return servers_of(plan, {one.name: one.body for one in manifests if one.kind == "Deployment"})


def serve(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack whose servers are run.")] = "local",
    once: Annotated[bool, typer.Option("--once", help="Stop when every model has answered.")] = False,
    http_port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65533,
            help="HTTP port of the first server; gRPC and metrics follow it, further servers 10 higher."
            " 0 takes free ports.",
        ),
    ] = DEFAULT_PORT,
    protocol: Annotated[Wire, typer.Option(help="How the models are asked.")] = Wire.GRPC,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show Triton's log.")] = False,
) -> None:
    """Run a stack's servers on this machine, from the Deployments that are rendered for it, and ask each
    model one real request. Ctrl-C drains them as their pods would be."""
    options = ServeOptions(once=once, first_port=http_port, wire=protocol, as_json=as_json, show_log=not quiet)
    try:
        servers = servers_of_stack(stack, project_root())
    except CannotServeError as error:
        ServingView(show_log=False).refuse(str(error))
        raise typer.Exit(FAILED) from None
    raise typer.Exit(serve_servers(servers, options))
