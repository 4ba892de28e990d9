"""The service curve, what surrounds it, and what a config makes of it. Reading a profile needs these and no numpy.

An execution of n requests takes a + b * n. `a` is what it costs whatever is in it (launching kernels, passing
messages, reading weights), `b` what each request adds. Where `a` is the greater part, batching pays; where it is not,
it only makes requests wait.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Seconds. The errors are standard errors of the fit: how far `a` and `b` would be expected to move if all were
    measured again under the same conditions."""

    a: float
    b: float
    a_error: float = 0.0
    b_error: float = 0.0

    def seconds(self, batch: float) -> float:
        return self.a + self.b * batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """What a config says: `greatest` requests in a batch (1: no dynamic batching), `delay` in seconds."""

    instances: int
    greatest: int
    delay: float = 0.0
    prefetches: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What was measured: the curve of the instances together, seconds that the door needs for a request, seconds of a
    request's way that are neither waiting nor service, and the noise: by how many seconds single requests were later
    or earlier than the mean. `noise_in_service` is the share of it that keeps an instance busy, and so delays those who
    wait; the rest delays only the request that meets it."""

    curve: Curve
    door: float = 0.0
    outside: float = 0.0
    noise: tuple[float, ...] = (0.0,)
    noise_in_service: float = 0.0
