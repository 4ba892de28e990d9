"""What becomes of a node whose GPU has failed, and the programs of ours that see to it (`gpu_health/`).

Finding out and acting are two things, and clouds bring the one without the other (each in its own source):

- EKS's node monitoring agent, an add-on of every cluster that we make, says it in the condition
  AcceleratedHardwareReady (aws/eks-node-monitoring-agent 51af549, monitors/nvidia/dcgm/dcgm_policies.go). EKS replaces
  or restarts a node of a managed group ten minutes later (Amazon EKS user guide, "Automatically repair nodes in EKS
  clusters"). So does Karpenter with a node that it bought, where its feature gate NodeRepair is on, and asks no
  disruption budget (kubernetes-sigs/karpenter 2266468, pkg/controllers/node/health/controller.go, Reconcile).
- GKE's device plugin says it in the condition XidCriticalError, until the node boots anew
  (GoogleCloudPlatform/container-engine-accelerators 992db81, pkg/gpu/nvidia/health_check/health_checker.go, and
  --enable-health-monitoring in cmd/nvidia_gpu/device-plugin.yaml). Nobody acts on it: GKE repairs nodes that are not
  ready (docs.cloud.google.com/kubernetes-engine/docs/how-to/node-auto-repair, "Repair criteria").

So our agent runs on clusters that are neither, or that somebody else made on EKS, where the add-on may be missing. The
drainer runs wherever a pool asks for it, and believes whichever condition there is.

An emptied node is an autoscaler's to remove and its pods' to be bought another. The taint has a prefix that the Cluster
Autoscaler leaves out when it takes a node for the pattern of new ones: by any other, a pool whose only node has failed
would never get a second (kubernetes-sigs/cluster-autoscaler 33c3f97, pkg/utils/taints/taints.go, StatusTaintPrefix).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.images import ImageLock, ImageRef
from planning.pools import Pool, PoolTaint
from planning.release import plan_programs_image
from planning.settings.cluster import Eks, Existing, Gke, described
from planning.settings.controllers import Presence
from planning.settings.pools import Drained
from planning.settings.root import Settings
from planning.wording import counted

NO_ROOM = Rule("TU908", Severity.WARNING, "A node whose GPU has failed leaves room for another")

TAINT = "status-taint.cluster-autoscaler.kubernetes.io/tritonup-gpu-failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A node whose `condition` has this `status` has a GPU that has failed."""

    condition: str
    status: str


OF_EKS = Sign(condition="AcceleratedHardwareReady", status="False")
OF_GKE = Sign(condition="XidCriticalError", status="True")
OURS = Sign(condition="GpuHealthy", status="False")
"""What the agent writes (gpu_health/condition.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPool:
    """`taints`: what its nodes may carry. `at_once`: how many of them may be drained at the same time."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[PoolTaint, ...]
    at_once: Derived[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHealth:
    """`sign` is what the drainer goes by. Where it is ours, the agent runs on the nodes of `pools`."""

    image: Derived[ImageRef]
    taint: str
    sign: Derived[Sign]
    pools: tuple[WatchedPool, ...]

    @property
    def agent(self) -> bool:
        return self.sign.value == OURS


def plan_gpu_health(
    settings: Settings, pools: Sequence[Pool], lock: ImageLock
) -> tuple[PlannedHealth | None, tuple[Finding, ...]]:
    """The programs, where a pool of `pools` asks for them."""
    watched = tuple(
        WatchedPool(
            name=pool.name,
            labels=pool.labels,
            taints=pool.taints_at_first,
            at_once=Derived(health.at_once, f"gpu_pools.{pool.name}.health.at_once says so"),
        )
        for pool in pools
        if isinstance(health := settings.gpu_pools[pool.name].health, Drained)
    )
    if not watched:
        return None, ()
    image, found = plan_programs_image(settings, lock)
    found = (*found, *_never_replaced(settings, pools))
    if image is None:
        return None, found
    return PlannedHealth(image=image, taint=TAINT, sign=_sign(settings), pools=watched), found


def _never_replaced(settings: Settings, pools: Sequence[Pool]) -> Iterator[Finding]:
    if isinstance(described(settings.cluster), Eks):
        return
    for pool in pools:
        if isinstance(settings.gpu_pools[pool.name].health, Drained) and pool.min_nodes == pool.max_nodes:
            yield Finding(
                rule=NO_ROOM,
                at=setting(f"gpu_pools.{pool.name}.nodes"),
                what=f"min and max are both {pool.max_nodes}: a node whose GPU has failed is emptied, no autoscaler"
                " removes it below min, and none buys another above max.",
                fix=f"Write a max of {pool.max_nodes + 1} or more, or a smaller min.",
            )


def when_a_gpu_fails(settings: Settings, pool: str) -> Derived[str]:
    """Who acts, for whoever reads the plan of `pool`."""
    health = settings.gpu_pools[pool].health
    if isinstance(health, Drained):
        return Derived(
            f"its node is drained within disruption budgets, {counted(health.at_once, 'node')} at a time",
            f"gpu_pools.{pool}.health says so; {_sign(settings).because}",
        )
    match described(settings.cluster):
        case Eks():
            return Derived(
                f"EKS repairs nodes of its groups{_of_karpenter(settings.controllers.karpenter)}",
                f"{_sign(settings).because}; repairs begin 10 minutes later",
            )
        case Gke():
            return Derived("nothing by itself", f"{_sign(settings).because}; it repairs only nodes that are not ready")
        case _:
            return Derived("nothing that this plan knows of", "the nodes are somebody else's")


def _of_karpenter(presence: Presence) -> str:
    match presence:
        case Presence.NONE:
            return ""
        case Presence.PRESENT:
            return ", Karpenter its own where its feature gate NodeRepair is on"
        case Presence.INSTALL:
            return ", Karpenter its own"


def _sign(settings: Settings) -> Derived[Sign]:
    match described(settings.cluster):
        case Eks():
            return Derived(OF_EKS, "EKS's node monitoring agent tells of it")
        case Gke() | Existing(platform="gke"):
            return Derived(OF_GKE, "GKE's device plugin tells of it")
        case _:
            return Derived(OURS, "our agent reads the kernel's log: whether anything else does is not known")
