"""When a server gets more replicas: on requests that wait in Triton's queues.

`nv_inference_pending_request_count` is a gauge of the requests that each model has accepted and not begun. It
moves as soon as work piles up, where the duration counters move only when requests are done, and where GPU
utilisation says nothing of work done. An ensemble's own gauge stays near 0, so the sum over the server's models
counts its steps (Triton docs, metrics.md, "Pending Request Count").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.lanes import Lane
from planning.memory import instances
from planning.profiles.checks import profiles_of
from planning.profiles.file import CPU
from planning.repository.model import Model
from planning.settings.servers import NvidiaGpu, Triton

PENDING_METRIC = "nv_inference_pending_request_count"

SCALE_OUT_PERIOD_S = 60
SCALE_IN_PERIOD_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Of one lane. `target`: waiting requests per pod, None where the lane is not scaled. Durations in
    seconds; `scale_out_percent` of the present pods and `scale_out_pods` at least, each period."""

    target: Derived[int] | None
    scale_out_percent: Derived[int]
    scale_out_pods: Derived[int]
    scale_out_window: Derived[int]
    scale_in_window: Derived[int]
    scale_in_pods: Derived[int]


def plan_scaling(server: Triton, lane: Lane, models: Sequence[Model]) -> Scaling:
    """`models`: all that it serves, with their profiles."""
    wait = server.scaling.scale_in_after.seconds
    return Scaling(
        target=_target(server, lane, models) if lane.scaled else None,
        scale_out_percent=Derived(100, "a burst may double the lane in one step: GPU nodes boot side by side"),
        scale_out_pods=Derived(2, "from few pods, doubling is too slow"),
        scale_out_window=Derived(0, "waiting before asking for a node only adds to its boot"),
        scale_in_window=Derived(wait, "scaling.scale_in_after says so: a GPU node given back takes minutes to return"),
        scale_in_pods=Derived(1, "each pod leaves by draining; one at a time keeps the rest unhurried"),
    )


def _target(server: Triton, lane: Lane, models: Sequence[Model]) -> Derived[int]:
    if server.scaling.pending_requests is not None:
        return Derived(server.scaling.pending_requests, "scaling.pending_requests says so")
    running = [model for model in models if model.backend != "ensemble"]
    if not running:
        return Derived(1, "no model of it runs yet")
    return min((_of_model(server, lane, model) for model in running), key=lambda target: target.value)


def _of_model(server: Triton, lane: Lane, model: Model) -> Derived[int]:
    """Half of what may wait: the rest of it comes while a new pod is on its way."""
    round_ = _instances(server, model) * max(1, model.max_batch_size)
    measured = _measured(server, lane, model)
    if measured is not None and server.slo.latency is not None:
        within = server.slo.latency.within
        seconds, by = measured
        # One round is under way already, and the promise has to hold for the last of those who wait.
        waiting = round_ * max(0, int(within.millis / 1000 / seconds) - 1)
        return Derived(
            max(1, waiting // 2),
            f"half of the {waiting} requests that may wait for {model.name!r} and are still answered within {within}:"
            f" a round of {round_} was measured to take {seconds * 1e3:.3g} ms ({by})",
        )
    return Derived(
        max(1, round_ // 2),
        f"half of the {round_} requests that {model.name!r} takes in one round (its instances times its greatest"
        " batch): more than that waits for a second round while a new pod is on its way",
    )


def _instances(server: Triton, model: Model) -> int:
    return instances(model, with_gpu=isinstance(server.gpu, NvidiaGpu))


def _measured(server: Triton, lane: Lane, model: Model) -> tuple[float, str] | None:
    """The longest round that was measured on the lane's hardware, in seconds, and the profile that says so; None where
    one kind of it was not measured with so many instances."""
    profiles = profiles_of(model, server, lane.pools)
    wanted = {pool.gpu.kind for pool in lane.pools} or {CPU}
    rounds = {
        profile.filename: one.service.curve.seconds(max(1, model.max_batch_size))
        for profile in profiles
        if (one := profile.of(_instances(server, model))) is not None
    }
    if len(rounds) < len(wanted):
        return None
    by = max(rounds, key=lambda name: rounds[name])
    return rounds[by], by
