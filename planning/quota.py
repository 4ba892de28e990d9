"""The most that the namespace may ask for, and what a container that asks for nothing gets.

A quota counts a pod until its grace period is over, also while its node is long gone (Kubernetes 1.35,
`pkg/quota/v1/evaluator/core/pods.go`, `QuotaV1Pod`). Each pod of the plan therefore counts twice: all may leave at
once, and those that replace them must not wait. What is bounded is what nobody planned: a Deployment of somebody's
own, a scaler set to a thousand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.driver_canary import DriverCanary
from planning.pools import GPU_RESOURCE
from planning.server import PlannedServer
from planning.settings.quantities import Cpu, Memory

GPU = f"requests.{GPU_RESOURCE}"
PODS = "pods"

LEAVING = 2
"""A pod and the one that it replaces."""

OTHERS = 10
"""Pods beside the servers', for Jobs and for debugging. A choice of ours."""

REQUESTED_CPU = Cpu(100)
REQUESTED_MEMORY = Memory(128 * 2**20)
"""Of a container that states nothing: enough for a shell. A choice of ours. It gets no limit, because a default one
refuses every container that requests more than that and states no limit of its own (Kubernetes documentation,
"Limit Ranges")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """`most` by the name that a ResourceQuota gives the resource, in whole numbers."""

    most: Mapping[str, Derived[int]]
    requested_cpu: Cpu
    requested_memory: Memory


def plan_quota(servers: Sequence[PlannedServer], builders: int, drivers: Sequence[DriverCanary], fillers: int) -> Quota:
    """`builders`: pods that build engines, with a GPU each; `fillers`: pods that fill the model volume. A handshake of
    `drivers` may follow another that still counts."""
    counted = [
        (lane.lane.maximum.value + lane.rollout.max_surge.value, server.gpus)
        for server in servers
        for lane in server.lanes
    ]
    counted += [(server.headroom.pods.value, server.gpus) for server in servers if server.headroom is not None]
    pods = sum(count for count, _ in counted)
    gpus = sum(count * gpus for count, gpus in counted)
    tried = LEAVING * len(drivers)
    tried_gpus = LEAVING * sum(canary.gpus for canary in drivers)
    beside = (f"; {builders} build engines" if builders else "") + (f"; {tried} try drivers" if tried else "")
    return Quota(
        most={
            GPU: Derived(
                LEAVING * gpus + builders + tried_gpus,
                f"all lanes at their most and in a rollout, and head-room, ask for {gpus}, and leaving pods count until"
                f" they are gone{beside}",
            ),
            PODS: Derived(
                LEAVING * (pods + fillers) + builders + tried + OTHERS,
                f"{pods} pods at the most, as many that leave, and {OTHERS} beside the servers{beside}"
                + (f"; {fillers} fill the model volume, and those that they replace" if fillers else ""),
            ),
        },
        requested_cpu=REQUESTED_CPU,
        requested_memory=REQUESTED_MEMORY,
    )
