"""Traffic while something is done to the server: an open loop from before it until after it, however long it takes.

The clients are a process of their own. Whoever disrupts the server runs kubectl, waits and parses meanwhile, and a
client that shares its interpreter would send late for reasons that are no server's.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from measuring.arrivals import unending_times
from measuring.clients import Client, client_of, failure
from measuring.kinds import ClientKind
from measuring.load import send
from measuring.question import Question
from measuring.records import Record
from measuring.run import UnreachableError
from measuring.summary import Summary, doubt, summarise

TIMEOUT_S = 20.0
"""Of a request: far above what it takes, so that only what is really lost is counted."""

BEGINS_WITHIN_S = 60.0
"""Starting an interpreter and connecting takes 2 to 5 s on two busy cores; then it is given up."""

Result = TypeVar("Result")


class TrafficError(Exception):
    """The clients' process ended, or their load did, before it was told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One kind of client that asks one question, `rate` times a second on average. `name` says what for in reports;
    `target` is `host:port`; `held` is the number of connection pools or channels that take turns (`clients.HELD`)."""

    name: str
    target: str
    kind: ClientKind
    question: Question
    rate: float
    timeout_s: float = TIMEOUT_S
    held: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What became of a stream. `began` is on this machine's monotonic clock (`time.monotonic()`, the same in all of
    its processes); the records' times count from it."""

    stream: Stream
    began: float
    records: tuple[Record, ...]

    @property
    def summary(self) -> Summary:
        return summarise(self.records)

    @property
    def doubt(self) -> str | None:
        return doubt(self.summary)

    def lost(self) -> tuple[Record, ...]:
        return tuple(record for record in self.records if record.failed)

    def sent_between(self, first: float, last: float) -> int:
        """Requests that were planned between two moments of the monotonic clock."""
        return sum(first <= self.began + record.planned < last for record in self.records)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed(Generic[Result]):
    """What was heard around a disruption, which `began` and `ended` at these moments of the monotonic clock."""

    heard: tuple[Heard, ...]
    began: float
    ended: float
    result: Result

    @property
    def by_kind(self) -> dict[ClientKind, tuple[Record, ...]]:
        """All streams' records, by kind of client."""
        kinds = dict.fromkeys(heard.stream.kind for heard in self.heard)
        return {kind: tuple(r for h in self.heard if h.stream.kind is kind for r in h.records) for kind in kinds}

    def report(self) -> str:
        """A line for each stream, and one for each lost request: when it was sent and ended, counted from the
        disruption's beginning, and its client's words."""
        lines = [f"disruption took {self.ended - self.began:.1f} s"]
        for heard in self.heard:
            summary = heard.summary
            during = heard.sent_between(self.began, self.ended)
            p50, p99 = (f"{1e3 * point:.0f} ms" if point is not None else "-" for point in (summary.p50, summary.p99))
            lines.append(
                f"{heard.stream.name} {heard.stream.kind}: {summary.count} sent ({during} during), {summary.failures}"
                f" lost {dict(summary.failed) or ''}; p50 {p50}, p99 {p99}; {summary.late} sent late (latest"
                f" {1e3 * summary.latest:.0f} ms)"
            )
            since = heard.began - self.began
            lines += [
                f"  lost: sent at {since + r.started:+.3f} s, ended at {since + r.ended:+.3f} s: {r.outcome}"
                for r in heard.lost()[:20]
            ]
        return "\n".join(lines)


def observe(
    streams: Sequence[Stream], disrupt: Callable[[], Result], *, before_s: float, settle_s: float, seed: int = 1
) -> Observed[Result]:
    """Run `disrupt` here while `streams` are sent, from `before_s` before it until `settle_s` after it has returned.
    Raises UnreachableError, TrafficError, and whatever `disrupt` raises."""
    with Traffic(streams, seed=seed) as traffic:
        time.sleep(before_s)
        began = time.monotonic()
        result = disrupt()
        ended = time.monotonic()
        time.sleep(settle_s)
        heard = traffic.stop()
    return Observed(heard=heard, began=began, ended=ended, result=result)


class Traffic:
    """Streams that are being sent from `start` (or entering its context) until `stop`."""

    def __init__(self, streams: Sequence[Stream], *, seed: int = 1) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._theirs = theirs
        self._process = context.Process(target=_serve, args=(theirs, tuple(streams), seed), daemon=True)

    def start(self) -> None:
        """Returns when every client is connected and sends. Raises UnreachableError where one cannot be."""
        self._process.start()
        # Only the child holds its end now, so that its death is an end of file.
        self._theirs.close()
        if not self._pipe.poll(BEGINS_WITHIN_S):
            raise TrafficError(f"The clients did not begin within {BEGINS_WITHIN_S:.0f} s.")
        if (refused := self._told()) is not None:
            raise UnreachableError(refused)

    def stop(self) -> tuple[Heard, ...]:
        """Begin no more requests, wait for the answers of all that were begun, and return every record."""
        if self._pipe.poll():
            raise TrafficError(f"The load ended before it was told to: {self._told()}")
        self._pipe.send(None)
        heard: tuple[Heard, ...] = self._told()
        self._process.join()
        return heard

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def _told(self) -> Any:  # what _serve sends
        try:
            return self._pipe.recv()
        except EOFError:
            self._process.join()
            raise TrafficError(f"The clients' process ended with {self._process.exitcode}.") from None

    def _end(self) -> None:
        self._pipe.close()
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()


def _serve(pipe: Connection, streams: tuple[Stream, ...], seed: int) -> None:
    # Ctrl-C reaches the whole group; this process ends when its parent closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The client is to be late for no reason of the machine's. Without the right to that, `doubt` tells.
    with suppress(PermissionError):
        os.nice(-10)
    asyncio.run(_serve_all(pipe, streams, seed))


async def _serve_all(pipe: Connection, streams: Sequence[Stream], seed: int) -> None:
    clients: list[Client] = []
    try:
        for stream in streams:
            clients.append(
                client_of(stream.kind, stream.target, stream.question, timeout_s=stream.timeout_s, held=stream.held)
            )
            try:
                await asyncio.wait_for(clients[-1].prepare(), stream.timeout_s)
            except Exception as error:  # noqa: BLE001 - whatever the libraries raise
                asked = f"model {stream.question.model!r} over {stream.kind}"
                pipe.send(f"{stream.target} does not tell of {asked}: {failure(error).text}")
                return
        until = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe.fileno(), until.set)
        pipe.send(None)
        heard = await asyncio.gather(
            *(
                _hear(stream, client, until, seed + index)
                for index, (stream, client) in enumerate(zip(streams, clients, strict=True))
            )
        )
        asyncio.get_running_loop().remove_reader(pipe.fileno())
        with suppress(BrokenPipeError):
            pipe.send(tuple(heard))
    finally:
        for client in clients:
            await client.close()


async def _hear(stream: Stream, client: Client, until: asyncio.Event, seed: int) -> Heard:
    began = asyncio.get_running_loop().time()
    records = await send(unending_times(stream.rate, seed), client, until=until, beginning=began)
    return Heard(stream=stream, began=began, records=records)
