"""A profile as `tritonup profile` writes it, with the few figures that a test is about."""

from __future__ import annotations

from datetime import date

from planning.profiles.file import (
    FORMAT,
    Advice,
    CurvePoint,
    Gpu,
    LatencyPoint,
    Measured,
    Processor,
    Profile,
    Server,
    Setting,
)

L4 = Gpu(kind="gpu", gpu="nvidia-l4")
PROCESSOR = Processor(kind="cpu", name="a processor", cores=2)


def measured(instances: int = 1, a: float = 0.002, b: float = 0.001) -> Measured:
    points = [
        CurvePoint(batch=size, seconds=a + b * size, executions=10, held_out=size % 2 == 0) for size in (1, 2, 4, 7)
    ]
    loads = [
        LatencyPoint(rate=100 * load, load=load, requests=100, measured=0.01, predicted=0.011, held_out=load == 0.2)
        for load in (0.1, 0.2)
    ]
    return Measured(
        instances=instances,
        a=a,
        b=b,
        a_error=0.0001,
        b_error=0.00001,
        door=0.0,
        outside=0.001,
        noise=[-0.001, 0.001],
        noise_in_service=0.5,
        saturation=500,
        curve=points,
        curve_error=0.02,
        latency=loads,
        latency_error=0.1,
    )


def profile(
    model: str,
    digest: str = "0" * 64,
    *,
    release: str = "26.08",
    hardware: Gpu | Processor = L4,
    of: tuple[Measured, ...] = (),
) -> Profile:
    now = Setting(instances=1, greatest=1, delay=0.0, prefetches=True, rate=100, tail=0.04)
    return Profile(
        format=FORMAT,
        model=model,
        digest=digest,
        measured_on=date(2026, 11, 27),
        hardware=hardware,
        server=Server(version="2.72.0", release=release),
        together=False,
        measured=list(of or (measured(),)),
        advice=Advice(within=0.05, percentile=99, now=now, best=now.model_copy(update={"greatest": 8, "rate": 250.0})),
    )
