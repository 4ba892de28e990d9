"""The loads of a profile: bursts, from which batches of every size form, and Poisson arrivals up to 85 % load.

Every load is an open loop: its times are fixed before it begins. Half of them are held out: nothing is fitted to them,
and what is fitted is judged by them.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np

from local.errors import CannotServeError
from measuring.arrivals import Poisson, arrival_times
from measuring.load import send
from measuring.profile.asking import MOST_CONNECTIONS, Prebuilt, body_of
from measuring.profile.server import ConfigSaid, RunningServer, Statistics
from measuring.question import Tensor
from measuring.records import Failed, Kind, Record
from measuring.summary import doubt, summarise

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Requests of a burst, as far as the model batches. Every other one is held out."""

LOADS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85)
"""Shares of saturation."""

HELD_OUT_LOADS = frozenset({0.2, 0.4, 0.6, 0.8, 0.85})

LEAST_SINGLES = 200
"""Requests that come alone: the noise is read from them."""

LEAST_BURSTS = 8

FLOODS = 5
"""Spans of a flood."""

SPAN_S = 1.0


TIMEOUT_S = 30.0

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A load that is over. `times`: when its requests came, in seconds; `added`: what the server's statistics
    gained."""

    times: tuple[float, ...]
    records: tuple[Record, ...]
    added: Statistics
    held_out: bool

    @property
    def latencies(self) -> tuple[float, ...]:
        return tuple(record.latency for record in self.records if not record.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtRate:
    """A Poisson load of `rate` requests a second, and its share of saturation."""

    rate: float
    load: float
    done: Done


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that was measured of one number of instances. `saturation` in requests a second; `door`: seconds of
    the front end and this client for a request where nothing is inferred, None where it was not asked; `doubts`: why
    the figures may not be the server's alone."""

    instances: int
    together: bool
    singles: Done
    bursts: tuple[Done, ...]
    saturation: float
    door: float | None
    rates: tuple[AtRate, ...]
    doubts: tuple[str, ...]


async def observe(
    server: RunningServer, config: ConfigSaid, inputs: Sequence[Tensor], *, seconds: float, told: Told
) -> Observed:
    """All loads, in some `seconds` in all, the slower the model the more. Raises CannotServeError where the server does
    not answer rightly."""
    loads = _Loads(server, config, inputs, seconds)
    batches = config.max_batch_size > 1
    together = batches and config.dynamic_batching is None
    sizes = [size for size in SIZES if size <= max(1, config.max_batch_size)] if batches else [1]
    if batches and sizes[-1] < config.max_batch_size:
        sizes.append(config.max_batch_size)
    told("single requests")
    singles = await loads.singles()
    bursts = [
        await loads.bursts(size, held_out=index % 2 == 1, together=together, told=told)
        for index, size in enumerate(sizes[1:])
    ]
    told("floods")
    saturation = await loads.flood()
    door = await loads.door() if together or not batches else None
    rates: list[AtRate] = []
    for share in LOADS:
        told(f"Poisson arrivals at {share:.0%} of {saturation:.0f} requests a second")
        at_rate = await loads.poisson(share * saturation, share)
        if at_rate is None:
            break
        rates.append(at_rate)
    return Observed(
        instances=config.instances,
        together=together,
        singles=singles,
        bursts=tuple(bursts),
        saturation=saturation,
        door=door,
        rates=tuple(rates),
        doubts=tuple(dict.fromkeys(loads.doubts)),
    )


class _TooManyError(Exception):
    """Requests were held back: more were waiting than a client keeps (`measuring.load.IN_FLIGHT`)."""


class _Loads:
    def __init__(self, server: RunningServer, config: ConfigSaid, inputs: Sequence[Tensor], seconds: float) -> None:
        self._server, self._config, self._inputs, self._seconds = server, config, inputs, seconds
        self._request = self._body(1)
        self._one = 0.05
        """Seconds of a request by itself, once it is known."""
        self.doubts: list[str] = []

    async def singles(self) -> Done:
        await self._send([0.02 * number for number in range(20)], self._request, held_out=False)  # to warm up
        first = await self._send([0.1 * number for number in range(10)], self._request, held_out=False)
        self._one = median(first.latencies)
        gap = 3 * self._one + 0.002
        count = max(LEAST_SINGLES, round(0.1 * self._seconds / gap))
        return await self._send([gap * number for number in range(count)], self._request, held_out=False)

    async def bursts(self, size: int, *, held_out: bool, together: bool, told: Told) -> Done:
        told(f"batches of {size}")
        # A batch takes at most as long as its requests one after the other.
        gap = 1.5 * self._one * size**0.8 + 0.005
        count = max(LEAST_BURSTS, min(400, round(0.25 * self._seconds / len(SIZES) / gap)))
        each = 1 if together else size
        times = [gap * number for number in range(count) for _ in range(each)]
        return await self._send(times, self._body(size) if together else self._request, held_out=held_out)

    async def flood(self) -> float:
        """Requests a second while more are waiting."""
        width = max(1, self._config.max_batch_size) * self._config.instances
        waiting = min(MOST_CONNECTIONS, max(64, 6 * width), max(16, round(2 / self._one)))
        return await self._flooded(self._request, waiting)

    async def door(self) -> float:
        """Of a request that the server answers by itself. An inference costs its front end more, so it is the least."""
        alive = f"GET /v2/health/live HTTP/1.1\r\nHost: {self._server.target}\r\n\r\n".encode()
        return 1 / await self._flooded(alive, MOST_CONNECTIONS)

    async def _flooded(self, request: bytes, waiting: int) -> float:
        """Answers a second while so many requests wait, one sent for each that is answered: the median of some spans.
        Sent all at once, their client would have done its work before the server begins with its own, and on a
        processor that they share the rate would be one that nobody can keep up."""
        loop = asyncio.get_running_loop()
        answered: list[float] = []
        begins = loop.time() + SPAN_S / 2
        ends = begins + FLOODS * max(SPAN_S, 8 * self._one)

        async def keep_asking(client: Prebuilt) -> None:
            while loop.time() < ends:
                # As the open loop does, whose client must keep up with shares of this rate.
                outcome = await asyncio.create_task(client.ask())
                await asyncio.sleep(0)
                if isinstance(outcome, Failed):
                    raise CannotServeError(
                        f"{self._config.name!r} fails while {waiting} requests wait: {outcome.text}."
                    )
                answered.append(loop.time())

        async with self._client(request, waiting) as client:
            await asyncio.gather(*(keep_asking(client) for _ in range(waiting)))
        return _rate(answered, begins, ends)

    async def poisson(self, rate: float, share: float) -> AtRate | None:
        """None where this client cannot send so many: whatever it found would be said of itself."""
        seconds = max(0.3, 0.6 * self._seconds / len(LOADS))
        times = arrival_times(Poisson(rate=rate, seconds=seconds, seed=round(100 * share)))
        try:
            done = await self._send(times or (0.0,), self._request, held_out=share in HELD_OUT_LOADS)
        except _TooManyError:
            self.doubts.append(
                f"At {share:.0%} load: {rate:.0f} requests a second are more than this client can send here, so"
                " nothing is known of this load and greater ones"
            )
            return None
        if (why := doubt(summarise(done.records))) is not None:
            self.doubts.append(f"At {share:.0%} load: {why}")
        return AtRate(rate=rate, load=share, done=done)

    def _body(self, rows: int) -> bytes:
        batches = self._config.max_batch_size > 0
        return body_of(self._config.name, self._server.target, self._inputs, rows if batches else 0)

    @asynccontextmanager
    async def _client(self, request: bytes, connections: int) -> AsyncGenerator[Prebuilt]:
        client = Prebuilt(self._server.target, request, TIMEOUT_S)
        try:
            await client.connect(connections)
            yield client
        except OSError as error:
            raise CannotServeError(f"{self._server.target} takes no connection: {error}.") from error
        finally:
            await client.close()

    async def _send(self, times: Sequence[float], request: bytes, *, held_out: bool) -> Done:
        before = self._server.statistics(self._config.name)
        async with self._client(request, min(32, len(times))) as client:
            with _nothing_collected():
                records = await send(times, client)
        if any(isinstance(record.outcome, Failed) and record.outcome.kind is Kind.NOT_SENT for record in records):
            raise _TooManyError
        failed = [record.outcome for record in records if isinstance(record.outcome, Failed)]
        if len(failed) > 0.01 * len(records):
            raise CannotServeError(
                f"{len(failed)} of {len(records)} requests to {self._config.name!r} failed ({failed[0].text}): there is"
                " no service time of a model that does not answer."
            )
        added = self._server.statistics(self._config.name).since(before)
        return Done(times=tuple(times), records=records, added=added, held_out=held_out)


def _rate(answered: Sequence[float], begins: float, ends: float) -> float:
    """Of ascending times: how many a second, the median of some spans. By their slope, for answers come by the batch,
    and a batch more or less in a span is much of it."""
    edges = np.searchsorted(answered, np.linspace(begins, ends, FLOODS + 1))
    spans = [answered[first:end] for first, end in pairwise(edges) if len(set(answered[first:end])) > 1]
    if not spans:
        return len(answered) / (max([ends, *answered]) - begins)
    return float(np.median([np.polyfit(span, range(len(span)), 1)[0] for span in spans]))


@contextmanager
def _nothing_collected() -> Generator[None]:
    """Python's collector stops this client for a tenth of a second and more where it has sent ten thousands of
    requests, and all that wait meanwhile would be late by no fault of the server."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
