"""One load from beginning to end: connect, ask once for what must be known, send, disconnect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from measuring.arrivals import Arrivals, arrival_times
from measuring.clients import client_of, failure
from measuring.kinds import ClientKind
from measuring.load import send
from measuring.question import Question
from measuring.records import Record


class UnreachableError(Exception):
    """The target did not answer the one question that is asked before the load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is sent, to whom and how. `target` is `host:port`; `timeout_s` is each request's."""

    target: str
    kind: ClientKind
    question: Question
    arrivals: Arrivals
    timeout_s: float


def run(load: Load, seen: Callable[[Record], None] | None = None) -> tuple[Record, ...]:
    """Every request of `load`. Raises UnreachableError, and UnboundedLoadError before anything is sent."""
    times = arrival_times(load.arrivals)
    return asyncio.run(_run(load, times, seen))


async def _run(load: Load, times: tuple[float, ...], seen: Callable[[Record], None] | None) -> tuple[Record, ...]:
    client = client_of(load.kind, load.target, load.question, timeout_s=load.timeout_s)
    try:
        try:
            await asyncio.wait_for(client.prepare(), load.timeout_s)
        except Exception as error:  # whatever the libraries raise
            raise UnreachableError(
                f"{load.target} does not tell of model {load.question.model!r} over {load.kind}: {failure(error).text}"
            ) from error
        return await send(times, client, seen=seen)
    finally:
        await client.close()
