"""From what was measured to a service that can be simulated, and how far that is from what was held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from measuring.profile.batcher import simulate
from measuring.profile.curve import Point, fit, misses
from measuring.profile.loads import AtRate, Done, Observed
from measuring.profile.tail import undisturbed
from planning.profiles.file import CurvePoint, LatencyPoint, Measured
from planning.profiles.service import Batching, Service

QUANTILES = 200
"""By which the noise is kept."""

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much of the noise may keep an instance busy: which, is chosen by the loads that are not held out."""

SCALES = (0.7, 1.0, 1.4, 2.0, 2.8)
"""How much greater the noise may be under load than alone: likewise."""

SEEDS = range(4)


def fitted(observed: Observed, batching: Batching, of: float) -> Measured:
    """`batching` is what the loads were measured with, `of` the percentile that is predicted. Raises
    UnfittableError."""
    loads = [observed.singles, *observed.bursts, *(one.done for one in observed.rates)]
    known, held_out = _points(loads, held_out=False), _points(loads, held_out=True)
    curve = fit(known) if batching.greatest > 1 else fit([*known, *_of_none(known)])
    service = _service(observed, Service(curve=curve), batching)
    service = _with_noise(observed, service, batching, of)
    latency = [_latency(one, service, batching, of) for one in observed.rates]
    judged = [one for one in latency if one.held_out]
    miss = misses(
        [curve.seconds(point.batch) for point in held_out],
        [point.seconds for point in held_out],
        [point.executions for point in held_out],
    )
    of_latency = misses([one.predicted for one in judged], [one.measured for one in judged])
    return Measured(
        instances=batching.instances,
        a=curve.a,
        b=curve.b,
        a_error=curve.a_error,
        b_error=curve.b_error,
        door=service.door,
        outside=service.outside,
        noise=[round(one, 7) for one in service.noise],
        noise_in_service=service.noise_in_service,
        saturation=observed.saturation,
        curve=[
            CurvePoint(batch=one.batch, seconds=one.seconds, executions=one.executions, held_out=out)
            for out, points in ((False, known), (True, held_out))
            for one in points
        ],
        curve_error=None if miss is None else miss.mean,
        latency=latency,
        latency_error=None if of_latency is None else of_latency.mean,
    )


def _points(loads: Sequence[Done], *, held_out: bool) -> list[Point]:
    count: dict[int, int] = {}
    spent: dict[int, float] = {}
    for done in loads:
        if done.held_out == held_out:
            for size, (executions, seconds) in done.added.batches.items():
                count[size] = count.get(size, 0) + executions
                spent[size] = spent.get(size, 0.0) + seconds
    return [Point(batch=size, seconds=spent[size] / count[size], executions=count[size]) for size in sorted(count)]


def _of_none(known: Sequence[Point]) -> list[Point]:
    """A model that takes no batch has one point, and its curve is flat: the point again, for a batch of none."""
    return [replace(point, batch=0) for point in known if point.batch == 1]


def _service(observed: Observed, service: Service, batching: Batching) -> Service:
    """With the door and what is outside. The door is narrower than the instances where the flood was slower than
    they."""
    executing = batching.instances * batching.greatest / service.curve.seconds(batching.greatest)
    door = observed.door or 0.0
    if door == 0 and observed.saturation < executing:
        door = 1 / observed.saturation
    singles = observed.singles
    served = sum(seconds * size for size, (_, seconds) in singles.added.batches.items())
    mean = float(np.mean(singles.latencies))
    inside = (singles.added.waited + served) / max(1, singles.added.requests)
    noise = np.quantile(np.array(singles.latencies) - mean, (np.arange(QUANTILES) + 0.5) / QUANTILES)
    return replace(
        service,
        door=door,
        outside=max(0.0, mean - inside - door),
        noise=tuple(float(one) for one in noise),
    )


def _with_noise(observed: Observed, service: Service, batching: Batching, of: float) -> Service:
    known = [one for one in observed.rates if not one.done.held_out]

    def off(candidate: Service) -> float:
        latency = [_latency(one, candidate, batching, of) for one in known]
        missed = misses([one.predicted for one in latency], [one.measured for one in latency])
        return missed.mean if missed else 0.0

    return min(
        (
            replace(service, noise=tuple(scale * one for one in service.noise), noise_in_service=share)
            for scale in SCALES
            for share in SHARES
        ),
        key=off,
    )


def _latency(one: AtRate, service: Service, batching: Batching, of: float) -> LatencyPoint:
    every = [undisturbed(simulate(one.done.times, batching, service, seed), of) for seed in SEEDS]
    return LatencyPoint(
        rate=one.rate,
        load=one.load,
        requests=len(one.done.records),
        measured=undisturbed(one.done.latencies, of),
        interrupted=float(np.percentile(one.done.latencies, of)),
        predicted=max(1e-9, float(np.mean(every))),
        held_out=one.done.held_out,
    )
