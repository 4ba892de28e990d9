"""The cluster that the stack itself makes, where it makes one."""

from __future__ import annotations

from collections.abc import Sequence

from planning.catalogue import Catalogue
from planning.clusters.eks import PlannedEks, plan_eks
from planning.clusters.gke import PlannedGke, plan_gke
from planning.cost import PoolCost
from planning.findings import Finding, setting
from planning.pools import Pool
from planning.server import PlannedServer
from planning.settings.cluster import Eks, Gke, Reference
from planning.settings.root import Settings

Made = PlannedGke | PlannedEks
"""One kind a cloud."""


def plan_made(
    settings: Settings,
    pools: Sequence[Pool],
    servers: Sequence[PlannedServer],
    costs: Sequence[PoolCost],
    catalogue: Catalogue,
) -> tuple[Made | None, tuple[Finding, ...]]:
    """None where the cluster is there already, is made by another stack, or cannot be planned."""
    match settings.cluster:
        case Gke() as cluster:
            return plan_gke(settings, cluster, setting("cluster"), pools, servers, costs, catalogue)
        case Eks():
            return plan_eks(settings, pools, servers, {cost.pool.name: cost.nodes for cost in costs}, catalogue)
        case _:
            return None, ()


def plan_eks_below(
    settings: Settings,
    pools: Sequence[Pool],
    servers: Sequence[PlannedServer],
    costs: Sequence[PoolCost],
    catalogue: Catalogue,
) -> tuple[PlannedEks | None, tuple[Finding, ...]]:
    """The EKS cluster that another stack makes, as that stack plans it: what Karpenter is told there comes with the
    servers."""
    match settings.cluster:
        case Reference(cluster=Eks()):
            return plan_eks(settings, pools, servers, {cost.pool.name: cost.nodes for cost in costs}, catalogue)
        case _:
            return None, ()
