"""Which GPU nodes come with a start-up taint, and the program of ours that takes it off (`gpu_readiness/`).

A node is ready before its GPUs are there. An autoscaler that does not know it finds the pod that it bought the node for
still without a place, and buys another. Three of them know (each in its own source):

- Karpenter holds a node for coming until what was asked of it can be allocated (kubernetes-sigs/karpenter v1.14.0,
  pkg/controllers/nodeclaim/lifecycle/initialization.go, RequestedResourcesRegistered, and
  pkg/controllers/state/statenode.go, Allocatable). A start-up taint would add nothing to that but a wait for the
  program, so a pool that it fills takes none.
- The Cluster Autoscaler holds a node for coming whose label says that it has a GPU while it has none
  (kubernetes-sigs/cluster-autoscaler 33c3f97, pkg/processors/customresources/gpu_processor.go). On GKE the label is
  GKE's own; on EKS the node group declares it (`GPU_LABEL_OF_EKS`).
- It does the same for a node with a start-up taint (the same, pkg/utils/taints/taints.go, StartupTaintPrefix; for
  GKE's: docs.cloud.google.com/kubernetes-engine/docs/how-to/cluster-autoscaler, "Startup taints", as
  kubernetes-sigs/node-readiness-controller issue 279 reports that page).

The label is satisfied by any GPU, the taint goes when there are as many as planned: one of eight may be broken, and
where GPUs are shared a plugin may first advertise them whole. So it is for those who want that of every node, and run
the program for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.images import ImageLock, ImageRef
from planning.pools import GPU_RESOURCE, Pool
from planning.release import plan_programs_image
from planning.settings.cluster import Eks, described
from planning.settings.controllers import Presence
from planning.settings.root import Settings

WAITS_BY_ITSELF = Rule("TU907", Severity.ERROR, "A start-up taint is for nodes that Karpenter does not buy")

REPLICAS = 2
"""One goes with its node in an update, and new GPU nodes wait for nobody. Two at once do no harm: what one has done the
API server refuses the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedPool:
    """`gpus`: what the device plugin advertises on a whole node of it."""

    name: str
    labels: Mapping[str, str]
    gpus: Derived[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedReadiness:
    image: Derived[ImageRef]
    taint: str
    resource: str
    replicas: int
    pools: tuple[AwaitedPool, ...]


def plan_gpu_readiness(
    settings: Settings, pools: Sequence[Pool], lock: ImageLock
) -> tuple[PlannedReadiness | None, tuple[Finding, ...]]:
    """The program, where nodes of one of `pools` carry the taint."""
    tainted = [pool for pool in pools if pool.startup_taint is not None]
    if not tainted:
        return None, ()
    if found := tuple(_karpenter(settings, tainted)):
        return None, found
    image, found = plan_programs_image(settings, lock)
    if image is None:
        return None, found
    return PlannedReadiness(
        image=image,
        taint=next(pool.startup_taint.key for pool in tainted if pool.startup_taint),
        resource=GPU_RESOURCE,
        replicas=REPLICAS,
        pools=tuple(
            AwaitedPool(
                name=pool.name,
                labels=pool.labels,
                gpus=Derived(pool.slots, "that many pods can have a GPU of a node, or a share of one"),
            )
            for pool in tainted
        ),
    ), found


def _karpenter(settings: Settings, tainted: Sequence[Pool]) -> Iterator[Finding]:
    if not isinstance(described(settings.cluster), Eks) or settings.controllers.karpenter is Presence.NONE:
        return
    for pool in tainted:
        yield Finding(
            rule=WAITS_BY_ITSELF,
            at=setting(f"gpu_pools.{pool.name}.startup_taint"),
            what="true would hold pods back from nodes that Karpenter counts on only when their GPUs are there.",
            fix="Leave it out.",
        )
