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
from planning.repository.model import Model
from planning.settings.servers import Triton

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
    wait = server.scaling.scale_in_after.seconds
    return Scaling(
        target=_target(server, models) if lane.scaled else None,
        scale_out_percent=Derived(100, "a burst may double the lane in one step: GPU nodes boot side by side"),
        scale_out_pods=Derived(2, "from few pods, doubling is too slow"),
        scale_out_window=Derived(0, "waiting before asking for a node only adds to its boot"),
        scale_in_window=Derived(wait, "scaling.scale_in_after says so: a GPU node given back takes minutes to return"),
        scale_in_pods=Derived(1, "each pod leaves by draining; one at a time keeps the rest unhurried"),
    )


def _target(server: Triton, models: Sequence[Model]) -> Derived[int]:
    if server.scaling.pending_requests is not None:
        return Derived(server.scaling.pending_requests, "scaling.pending_requests says so")
    batches = [(instances(model) * max(1, model.max_batch_size), model.name) for model in models if instances(model)]
    if not batches:
        return Derived(1, "no model of it runs yet")
    least, name = min(batches)
    target = max(1, least // 2)
    return Derived(
        target,
        f"half of the {least} requests that {name!r} takes in one round (its instances times its greatest batch):"
        " more than that waits for a second round while a new pod is on its way",
    )
