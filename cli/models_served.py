"""What the servers of a stack would serve, from the model repository as it lies here."""

from __future__ import annotations

from collections.abc import Sequence

from cli.destinations import stop
from cli.project import PlannedStack
from planning.engines.builder import published_sources
from planning.engines.orders import SOURCES
from planning.repository.served import ServedSet


def served_sets(loaded: PlannedStack, names: Sequence[str] | None) -> list[tuple[str, ServedSet]]:
    planned = {server.name: server.served for server in loaded.plan.servers}
    unknown = [name for name in names or () if name not in planned]
    if unknown:
        stop(f"The stack has no server {unknown[0]!r}. It has: {', '.join(planned)}.")
    sources = published_sources(loaded.plan.builder)
    return [
        *((SOURCES, sources[digest]) for digest in sorted(sources) if not names),
        *((name, served) for name, served in planned.items() if not names or name in names),
    ]
