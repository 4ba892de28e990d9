"""Fitting the service curve to what was measured, and saying by how much a prediction missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planning.profiles.service import Curve

Numbers = NDArray[np.float64]

ROUNDS = 20

NOISE = 0.02
"""Relative misses below this are all alike. A choice of ours."""


class UnfittableError(ValueError):
    """Too few points for a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The mean time of `executions` of `batch` requests each, in seconds."""

    batch: int
    seconds: float
    executions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Misses:
    """By how much a prediction missed, as shares of what was measured."""

    mean: float
    greatest: float
    count: int


def fit(points: Sequence[Point]) -> Curve:
    """The line through `points` with the least *relative* misses, each point as heavy as its executions, neither
    coefficient below 0. Raises UnfittableError where fewer than two batch sizes were seen."""
    if len({point.batch for point in points}) < 2:
        seen = ", ".join(str(point.batch) for point in points) or "none"
        raise UnfittableError(f"A line needs executions of two batch sizes or more; seen: {seen}.")
    batch = np.array([point.batch for point in points], dtype=float)
    seconds = np.array([point.seconds for point in points])
    # A miss of 1 ms of 2 ms is worse than one of 100 ms; the mean of n executions is as exact as the root of n.
    heavy = np.sqrt([point.executions for point in points])
    design = np.column_stack([np.ones_like(batch), batch]) / seconds[:, None]
    trust = np.ones_like(seconds)
    solved = _solved(design * heavy[:, None], heavy)
    for _ in range(ROUNDS):
        # Least absolute misses, by least squares again and again: the mean of few executions, one of which another
        # process interrupted, says little of the rest.
        trust = 1 / np.sqrt(np.maximum(np.abs(1 - design @ solved), NOISE))
        solved = _solved(design * (heavy * trust)[:, None], heavy * trust)
    weight = heavy * trust
    residual = weight * (1 - design @ solved)
    free = solved > 0
    kept = (design * weight[:, None])[:, free]
    covariance = np.linalg.pinv(kept.T @ kept) * float(residual @ residual) / max(1, len(points) - int(free.sum()))
    errors = np.zeros(2)
    errors[free] = np.sqrt(np.diag(covariance))
    return Curve(a=float(solved[0]), b=float(solved[1]), a_error=float(errors[0]), b_error=float(errors[1]))


def _solved(design: Numbers, wanted: Numbers) -> Numbers:
    """The least squares, neither coefficient below 0."""
    both = np.asarray(np.linalg.lstsq(design, wanted, rcond=None)[0], dtype=np.float64)
    for negative in (0, 1):
        if both[negative] < 0:
            column = design[:, 1 - negative]
            alone = max(0.0, float(column @ wanted) / float(column @ column))
            return np.array([0.0, alone] if negative == 0 else [alone, 0.0])
    return both


def misses(
    predicted: Sequence[float], measured: Sequence[float], weights: Sequence[float] | None = None
) -> Misses | None:
    """How far `predicted` is from `measured`, the mean weighted; None where there is nothing to compare."""
    if not measured:
        return None
    off = np.abs(np.array(predicted) - np.array(measured)) / np.array(measured)
    return Misses(mean=float(np.average(off, weights=weights)), greatest=float(off.max()), count=len(measured))
