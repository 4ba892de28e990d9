"""When requests are sent: fixed before the load begins, so that no answer, however late, moves a question.

A client that waits for one answer before it asks again asks least where the server is slowest and so never sees
it ("coordinated omission"; Schroeder, Wierman, Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

GREATEST_COUNT = 1_000_000
"""Requests of one load. Each is kept in memory until it is written; a choice of ours."""

GREATEST_S = 3600.0
"""Seconds of one load: a measurement that is forgotten ends by itself. A choice of ours."""


class UnboundedLoadError(ValueError):
    """A load that asks for nothing, or for more than this client carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One request every 1/rate seconds."""

    rate: float
    """Requests a second."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson:
    """As many independent users ask: exponential gaps with a mean of 1/rate. `seed` makes it repeatable."""

    rate: float
    """Requests a second, on average."""
    seconds: float
    seed: int


Arrivals = Constant | Poisson


def arrival_times(arrivals: Arrivals) -> tuple[float, ...]:
    """Seconds after the load's beginning, ascending, all below `arrivals.seconds`. Raises UnboundedLoadError."""
    _require_bounds(arrivals)
    match arrivals:
        case Constant(rate=rate, seconds=seconds):
            times = np.arange(round(rate * seconds)) / rate
            return tuple(float(time) for time in times if time < seconds)
        case Poisson(rate=rate, seconds=seconds, seed=seed):
            random = np.random.default_rng(seed)
            # Given their number, the arrivals of a Poisson process are independent and uniform.
            count = min(int(random.poisson(rate * seconds)), GREATEST_COUNT)
            return tuple(float(time) for time in np.sort(random.uniform(0, seconds, count)))


def unending_times(rate: float, seed: int) -> Iterator[float]:
    """A Poisson process of which nobody knows beforehand how long it is wanted: seconds after the load's beginning,
    ascending, `rate` a second on average. The gaps follow from `seed` alone, so that here too no answer moves a
    question; only the end is the sender's. It ends by itself after GREATEST_S or GREATEST_COUNT. Raises
    UnboundedLoadError."""
    if not rate > 0:
        raise UnboundedLoadError(f"{rate:g} requests a second is no load: it must be above 0.")
    return _unending(rate, np.random.default_rng(seed))


def _unending(rate: float, random: np.random.Generator) -> Iterator[float]:
    time = 0.0
    for _ in range(GREATEST_COUNT):
        time += float(random.exponential(1 / rate))
        if time >= GREATEST_S:
            return
        yield time


def _require_bounds(arrivals: Arrivals) -> None:
    rate, seconds = arrivals.rate, arrivals.seconds
    if not (rate > 0 and seconds > 0):
        raise UnboundedLoadError(f"{rate:g} requests a second for {seconds:g} s is no load: both must be above 0.")
    if seconds > GREATEST_S:
        raise UnboundedLoadError(f"{seconds:g} s is too long: at most {GREATEST_S:g} s in one load.")
    if rate * seconds > GREATEST_COUNT:
        raise UnboundedLoadError(
            f"{rate:g} requests a second for {seconds:g} s are {rate * seconds:.0f} requests: at most {GREATEST_COUNT}."
        )
