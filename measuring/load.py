"""The open loop: every request is sent at its planned time, whatever became of those before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from measuring.clients import Client
from measuring.records import Failed, Kind, Outcome, Record

IN_FLIGHT = 5000
"""Requests that may wait for answers at once; the next one is recorded as not sent. Bounds this client's memory and
sockets where a server hangs. A choice of ours."""


async def send(
    times: Iterable[float],
    client: Client,
    *,
    seen: Callable[[Record], None] | None = None,
    in_flight: int = IN_FLIGHT,
    until: asyncio.Event | None = None,
    beginning: float | None = None,
) -> tuple[Record, ...]:
    """Send a request at each of `times` (seconds from `beginning`, ascending) and wait until all came to something.

    `beginning` is a moment of the loop's clock, which is the monotonic one; None: now. All times of the records count
    from it.
    `client` has been prepared, and bounds each request in time. `seen` is told of each as it ends. Once `until` is
    set no later time begins; what was planned before is sent, however late this client is.
    """
    loop = asyncio.get_running_loop()
    beginning = loop.time() if beginning is None else beginning
    records: list[Record] = []
    waiting: set[asyncio.Task[None]] = set()

    def note(number: int, planned: float, started: float, outcome: Outcome) -> None:
        ended = loop.time() - beginning
        records.append(Record(number=number, planned=planned, started=started, ended=ended, outcome=outcome))
        if seen is not None:
            seen(records[-1])

    async def one(number: int, planned: float) -> None:
        started = loop.time() - beginning
        note(number, planned, started, await client.ask())

    try:
        for number, planned in enumerate(times):
            early = planned - (loop.time() - beginning)
            if early > 0 and await _stopped(until, early):
                break
            if len(waiting) >= in_flight:
                now = loop.time() - beginning
                note(number, planned, now, Failed(Kind.NOT_SENT, f"{in_flight} requests wait for answers"))
                await asyncio.sleep(0)  # or a client that is far behind would never read an answer
                continue
            task = asyncio.create_task(one(number, planned))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        while waiting:
            await asyncio.gather(*waiting)
    finally:
        for task in waiting:
            task.cancel()
    return tuple(sorted(records, key=lambda record: record.number))


async def _stopped(until: asyncio.Event | None, within_s: float) -> bool:
    """Wait so long; whether `until` was set meanwhile."""
    if until is None:
        await asyncio.sleep(within_s)
        return False
    try:
        await asyncio.wait_for(until.wait(), within_s)
    except TimeoutError:
        return False
    return True
