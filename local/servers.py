"""Several servers of a stack, side by side on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.container import read_container
from local.installed import InstalledTriton
from local.ports import allot_ports
from local.triton import LogSink, Prepared, RunningTriton, discard, prepare
from planning.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServer:
    """A server as it was rendered. `deployment` is the manifest of one lane; `models` are the directories of
    everything that it serves, ensemble steps included; `release` is its Triton release ("26.08")."""

    name: str
    deployment: Mapping[str, object]
    models: tuple[Path, ...]
    release: str


def servers_of(plan: Plan, deployments: Mapping[str, Mapping[str, object]]) -> tuple[LocalServer, ...]:
    """The servers of `plan` with what was rendered for it, by Deployment name. Of a server's lanes, which
    differ in nothing that matters here, the first one runs."""
    return tuple(
        LocalServer(
            name=server.name,
            deployment=deployments[server.lanes[0].lane.deployment],
            models=tuple(model.directory for model in server.served.models),
            release=server.release.tag,
        )
        for server in plan.servers
    )


def prepare_all(servers: Sequence[LocalServer], *, installed: InstalledTriton, first_port: int) -> tuple[Prepared, ...]:
    """Prepare each of `servers`, or none: a CannotServeError of one discards those before it."""
    known = installed.known_flags()
    prepared: list[Prepared] = []
    try:
        for server, ports in zip(servers, allot_ports(first_port, len(servers)), strict=True):
            prepared.append(
                prepare(
                    server.name,
                    read_container(server.deployment),
                    server.models,
                    installed=installed,
                    ports=ports,
                    known_flags=known,
                )
            )
    except BaseException:
        for one in prepared:
            discard(one)
        raise
    return tuple(prepared)


def start_all(prepared: Sequence[Prepared], log: LogSink) -> tuple[RunningTriton, ...]:
    """Start them, each line of `log` beginning with its server's name; all or none."""
    running: list[RunningTriton] = []
    try:
        for one in prepared:
            running.append(RunningTriton(one, _prefixed(one.name, log)))
    except BaseException:
        stop_all(running)
        for one in prepared[len(running) :]:
            discard(one)
        raise
    return tuple(running)


def stop_all(running: Sequence[RunningTriton]) -> None:
    """End them at once, leaving nothing behind."""
    for triton in running:
        triton.stop()


def _prefixed(name: str, log: LogSink) -> LogSink:
    return lambda line: log(f"{name} | {line}")
