"""Which digests the servers of this project's stacks name, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.project import PlannedStack, planned_stack, stacks_of
from planning.engines.builder import published_sources
from planning.engines.orders import SOURCES
from planning.settings.repository import Destination
from publishing.layout import Identity


def same_place(one: Destination, other: Destination) -> bool:
    """Whether they are one place, however its models come from there into pods."""
    place = {"kind", "endpoint", "bucket", "prefix", "claim", "repository", "path"}
    return one.model_dump(include=place) == other.model_dump(include=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A stack, and who of it reads the destination: `servers` in `namespace`."""

    stack: str
    namespace: str
    servers: tuple[str, ...]
    destination: Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What stack files name: the stacks by server and digest, the stacks whose digests cannot be told, and where the
    others' servers are."""

    by: Mapping[Identity, tuple[str, ...]]
    untold: tuple[str, ...]
    readers: tuple[Reader, ...]


def named_by_stacks(root: Path) -> Named:
    """The digests that the stacks of this project would serve, from its model repository as it lies here."""
    by: dict[Identity, tuple[str, ...]] = {}
    untold: list[str] = []
    readers: list[Reader] = []
    for stack in stacks_of(root):
        loaded = planned_stack(root, stack)
        if not isinstance(loaded, PlannedStack):
            untold.append(stack)
            continue
        planned = {server.name: server.served.digest for server in loaded.plan.servers}
        if planned.keys() != loaded.plan.settings.servers.keys():
            untold.append(stack)
        settings = loaded.plan.settings
        readers.append(
            Reader(
                stack=stack,
                namespace=settings.namespace,
                servers=tuple(settings.servers),
                destination=settings.model_repository.destination,
            )
        )
        sources = ((SOURCES, digest) for digest in published_sources(loaded.plan.builder))
        for identity in (*planned.items(), *sources):
            by[identity] = (*by.get(identity, ()), stack)
    return Named(by=by, untold=tuple(untold), readers=tuple(readers))
