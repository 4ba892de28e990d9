"""The service curve: how long one execution takes by its batch, time = a + b * batch.

`a` is what an execution costs whatever is in it (launching kernels, passing messages, reading weights), `b` what each
request adds. Where `a` is the greater part, batching pays; where it is not, it only makes requests wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


class UnfittableError(ValueError):
    """Too few points for a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The mean time of `executions` of `batch` requests each, in seconds."""

    batch: int
    seconds: float
    executions: int


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
class Misses:
    """By how much a prediction missed, as shares of what was measured."""

    mean: float
    greatest: float
    count: int


def fit(points: Sequence[Point]) -> Curve:
    """The line through `points` with the least squared *relative* miss, each point as heavy as its executions, neither
    coefficient below 0. Raises UnfittableError where fewer than two batch sizes were seen."""
    if len({point.batch for point in points}) < 2:
        seen = ", ".join(str(point.batch) for point in points) or "none"
        raise UnfittableError(f"A line needs executions of two batch sizes or more; seen: {seen}.")
    batch = np.array([point.batch for point in points], dtype=float)
    seconds = np.array([point.seconds for point in points])
    # The mean of n executions is as exact as the root of n; a miss of 1 ms of 2 ms is worse than one of 100 ms.
    weight = np.sqrt([point.executions for point in points]) / seconds
    design = np.column_stack([np.ones_like(batch), batch]) * weight[:, None]
    wanted = seconds * weight
    (a, b), *_ = np.linalg.lstsq(design, wanted, rcond=None)
    free = np.array([True, True])
    if a < 0:
        free, a, b = np.array([False, True]), 0.0, _alone(design[:, 1], wanted)
    elif b < 0:
        free, a, b = np.array([True, False]), _alone(design[:, 0], wanted), 0.0
    residual = wanted - design @ np.array([a, b])
    spare = max(1, len(points) - int(free.sum()))
    kept = design[:, free]
    covariance = np.linalg.pinv(kept.T @ kept) * float(residual @ residual) / spare
    errors = np.zeros(2)
    errors[free] = np.sqrt(np.diag(covariance))
    return Curve(a=float(a), b=float(b), a_error=float(errors[0]), b_error=float(errors[1]))


def _alone(
    column: np.ndarray[tuple[int], np.dtype[np.float64]], wanted: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> float:
    return max(0.0, float(column @ wanted) / float(column @ column))


def misses(
    predicted: Sequence[float], measured: Sequence[float], weights: Sequence[float] | None = None
) -> Misses | None:
    """How far `predicted` is from `measured`, the mean weighted; None where there is nothing to compare."""
    if not measured:
        return None
    off = np.abs(np.array(predicted) - np.array(measured)) / np.array(measured)
    return Misses(mean=float(np.average(off, weights=weights)), greatest=float(off.max()), count=len(measured))
