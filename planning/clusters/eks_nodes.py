"""The nodes of an EKS cluster: managed node groups for what must stand, a scaler for the rest.

With Karpenter a managed node group holds the nodes that the floors stand on, at a fixed size, so that no controller's
failure takes them away; what an on-demand pool may have above them, and all of a spot pool, Karpenter buys for pods
that wait. Without it every pool is a managed node group between its bounds, which the Cluster Autoscaler moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planning.catalogue import Catalogue
from planning.clusters.eks_machines import MadePool
from planning.clusters.eks_node_groups import PlannedNodeGroup, scaled_group, standing_group, system_group
from planning.clusters.eks_node_pools import (
    PlannedNodeClass,
    PlannedNodePool,
    canary_class_of,
    canary_pool_of,
    node_class_of,
    node_pools_of,
)
from planning.derived import Derived
from planning.nodes import PoolNodes
from planning.pools import Pool
from planning.server import PlannedServer
from planning.settings.cluster import Eks


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNodes:
    system: PlannedNodeGroup
    groups: tuple[PlannedNodeGroup, ...]
    classes: tuple[PlannedNodeClass, ...]
    pools: tuple[PlannedNodePool, ...]


def plan_nodes_of_eks(
    cluster: Eks,
    pools: Sequence[Pool],
    servers: Sequence[PlannedServer],
    nodes: Mapping[str, PoolNodes],
    catalogue: Catalogue,
    *,
    karpenter: bool,
) -> PlannedNodes:
    """`pools` are those that could be planned; `nodes` says of each how many always run."""
    made = [MadePool.of(pool, cluster, servers, catalogue) for pool in pools]
    if not karpenter:
        return PlannedNodes(
            system=system_group(cluster, autoscaled=True),
            groups=tuple(scaled_group(pool, nodes[pool.pool.name]) for pool in made),
            classes=(),
            pools=(),
        )
    floors = {pool.pool.name: _floor(pool.pool, nodes[pool.pool.name]) for pool in made}
    node_pools = [node_pool for pool in made for node_pool in node_pools_of(pool, floors[pool.pool.name])]
    filled = {node_pool.pool for node_pool in node_pools}
    return PlannedNodes(
        system=system_group(cluster, autoscaled=False),
        groups=tuple(
            standing_group(pool, floors[pool.pool.name])
            for pool in made
            if pool.pool.capacity == "on-demand" and floors[pool.pool.name].value
        ),
        classes=(
            *(node_class_of(pool, cluster) for pool in made if pool.pool.name in filled),
            *(canary_class_of(pool, pool.driver) for pool in made if pool.driver is not None),
        ),
        pools=(*node_pools, *(canary_pool_of(pool, pool.driver) for pool in made if pool.driver is not None)),
    )


def _floor(pool: Pool, nodes: PoolNodes) -> Derived[int]:
    """The nodes of an on-demand pool that always run. Of a spot pool none does: they come for pods."""
    if pool.capacity == "spot":
        return Derived(0, "spot nodes come for pods that wait")
    return nodes.at_rest


def early_nodes(pool: str, cluster: Eks) -> int:
    """Nodes of `pool` that come before others go, in an update or a move, its driver's canary included."""
    own = cluster.pools.get(pool)
    return own.driver.at_once + 1 if own is not None and own.driver is not None else 1
