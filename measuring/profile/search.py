"""How many requests a second a setting answers within a promise, and which setting answers the most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from measuring.profile.batcher import Seconds, saturation, simulate
from planning.profiles.service import Batching, Service

GREATEST_LOAD = 0.85
"""Of saturation. Above it the tail grows with every per cent, and no prediction of it holds. A choice of ours."""

REQUESTS = 12_000
"""Of one simulation: 120 of them are above the 99th percentile. A choice of ours."""

STEPS = 7
"""Halvings of the interval in which the rate is looked for: to 1 % of it."""

WORTHWHILE = 1.05
"""A setting is changed for this much more, not for less: the prediction is not more exact. A choice of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """`percentile` of 100 requests are answered within so many seconds."""

    within: float
    percentile: float = 99.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """`rate` requests a second, 0 where not even a few are answered as promised; `tail` is the promise's percentile at
    that rate, in seconds, and `load` the rate's share of saturation."""

    batching: Batching
    rate: float
    tail: float
    load: float


def tail(rate: float, batching: Batching, service: Service, promise: Promise, seed: int = 0) -> float:
    """The promise's percentile of the latency at `rate` Poisson arrivals a second, in seconds."""
    return float(np.percentile(simulate(_unit(seed) / rate, batching, service, seed), promise.percentile))


def capacity(batching: Batching, service: Service, promise: Promise, beyond: float = 0.0) -> Capacity:
    """The most that `batching` answers as promised, at most GREATEST_LOAD of its saturation. Where that is not more
    than `beyond`, it is not looked for, and the rate is 0."""
    most = GREATEST_LOAD * saturation(batching, service)

    def found(rate: float, at: float) -> Capacity:
        return Capacity(batching=batching, rate=rate, tail=at, load=rate / most * GREATEST_LOAD if most else 0.0)

    nothing = found(0.0, float("inf"))
    if most <= beyond or (beyond > 0 and tail(beyond, batching, service, promise) > promise.within):
        return nothing
    if (at_most := tail(most, batching, service, promise)) <= promise.within:
        return found(most, at_most)
    low, high, best = beyond, most, nothing
    for _ in range(STEPS):
        middle = (low + high) / 2
        if (here := tail(middle, batching, service, promise)) <= promise.within:
            low, best = middle, found(middle, here)
        else:
            high = middle
    return best


def best(now: Batching, services: Mapping[int, Service], greatest: int, promise: Promise) -> tuple[Capacity, Capacity]:
    """What `now` answers, and the setting that answers the most: `now` itself where none is worth a change. `services`
    by the number of instances that they were measured with; batches of up to `greatest`."""
    here = capacity(now, services[now.instances], promise)
    chosen = here
    for candidate in candidates(now, services, greatest, promise):
        found = capacity(candidate, services[candidate.instances], promise, beyond=chosen.rate * WORTHWHILE)
        if found.rate > chosen.rate * WORTHWHILE or (chosen.rate == 0 and found.rate > 0):
            chosen = found
    return here, chosen


def candidates(now: Batching, services: Mapping[int, Service], greatest: int, promise: Promise) -> Iterator[Batching]:
    """Those that change least come first: of two that are as good, the first one is taken."""
    delays = sorted({0.0, now.delay, 0.0005, 0.002, promise.within / 20, promise.within / 5})
    for instances in sorted(services, key=lambda count: (count != now.instances, count)):
        for prefetches in (now.prefetches, True) if not now.prefetches else (True,):
            for size in (now.greatest, *({greatest, 1} - {now.greatest})):
                for delay in sorted(delays, key=lambda one: (one != now.delay, one)) if size > 1 else (0.0,):
                    yield Batching(instances=instances, greatest=size, delay=delay, prefetches=prefetches or size == 1)


def _unit(seed: int) -> Seconds:
    """Arrivals one a second on average. Every rate is asked the same ones, closer together."""
    return np.cumsum(np.random.default_rng(seed).exponential(1.0, REQUESTS))
