"""The nodes that controllers stand on: those of the cluster's own pods, which no autoscaler of GPU nodes takes away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planning.clusters.eks import PlannedEks
from planning.clusters.gke_pools import plan_system_pool
from planning.settings.cluster import Gke, described
from planning.settings.root import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemNodes:
    """Nodes with all of `labels`, any where there are none; `least` of them are always there, as far as is known."""

    labels: Mapping[str, str]
    least: int


def plan_system_nodes(settings: Settings, eks: PlannedEks | None) -> SystemNodes:
    """`eks` is the cluster of EKS that the settings describe, None where they describe another or it has errors."""
    cluster = described(settings.cluster)
    if isinstance(cluster, Gke):
        pool = plan_system_pool(cluster)
        return SystemNodes(labels=dict(pool.labels), least=pool.min_nodes)
    if eks is not None:
        return SystemNodes(labels=dict(eks.system.labels), least=eks.system.minimum.value)
    return SystemNodes(labels={}, least=1)
