"""Managed node groups of EKS: the system's nodes, a pool's floor beside Karpenter, and a whole pool without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planning.catalogue.machines import Capacity
from planning.clusters.eks_machines import MAX_PODS, MadePool
from planning.derived import Derived
from planning.nodes import PoolNodes
from planning.pools import GPU_LABEL_OF_EKS, POOL_LABEL, PoolTaint
from planning.settings.cluster import Eks

GPU_IMAGE = "AL2023_x86_64_NVIDIA"
CPU_IMAGE = "AL2023_x86_64_STANDARD"
"""AMI types of managed node groups (API CreateNodegroup, amiType). NVIDIA's brings driver and container toolkit."""

SYSTEM_ROOT_GIB = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNodeGroup:
    """A managed node group. `machines` are tried in their order. `autoscaled`: the Cluster Autoscaler moves its size,
    so that `at_first` is only where it begins."""

    name: str
    capacity: Capacity
    image: Derived[str]
    machines: Derived[tuple[str, ...]]
    minimum: Derived[int]
    at_first: Derived[int]
    maximum: Derived[int]
    autoscaled: bool
    labels: Mapping[str, str]
    taints: tuple[PoolTaint, ...]
    root_gib: Derived[int]
    max_pods: Derived[int]
    updated_at_once: Derived[int]


def system_group(cluster: Eks, *, autoscaled: bool) -> PlannedNodeGroup:
    """The nodes of the cluster's own pods and of controllers, without a GPU."""
    bounds = cluster.system.nodes
    stated = "cluster.system.nodes says so"
    return PlannedNodeGroup(
        name="system",
        capacity="on-demand",
        image=Derived(CPU_IMAGE, "its machines have no GPU"),
        machines=Derived((cluster.system.machine,), "cluster.system.machine says so"),
        minimum=Derived(bounds.min, stated),
        at_first=Derived(max(1, bounds.min), stated),
        maximum=Derived(bounds.max, stated),
        autoscaled=autoscaled,
        labels={POOL_LABEL: "system"},
        taints=(),
        root_gib=Derived(SYSTEM_ROOT_GIB, "controllers' images are small (an allowance)"),
        max_pods=Derived(MAX_PODS, "it has fewer than 30 vCPUs, and prefixes give it addresses for so many"),
        updated_at_once=_one_at_once(),
    )


def standing_group(pool: MadePool, floor: Derived[int]) -> PlannedNodeGroup:
    """The `floor` of a pool, at a fixed size."""
    largest = Derived(floor.value, "what the pool may have above its floor is bought by Karpenter")
    return _group(pool, floor, floor, largest, autoscaled=False)


def scaled_group(pool: MadePool, nodes: PoolNodes) -> PlannedNodeGroup:
    """All of a pool, which the Cluster Autoscaler moves between its bounds."""
    name = pool.pool.name
    return _group(
        pool,
        Derived(pool.pool.min_nodes, f"gpu_pools.{name}.nodes.min says so"),
        nodes.at_rest,
        Derived(pool.pool.max_nodes, f"gpu_pools.{name}.nodes.max says so"),
        autoscaled=True,
    )


def _group(
    pool: MadePool, minimum: Derived[int], at_first: Derived[int], maximum: Derived[int], *, autoscaled: bool
) -> PlannedNodeGroup:
    return PlannedNodeGroup(
        name=pool.pool.name,
        capacity=pool.pool.capacity,
        image=Derived(GPU_IMAGE, "it brings NVIDIA's driver and container toolkit"),
        machines=pool.machines,
        minimum=minimum,
        at_first=at_first,
        maximum=maximum,
        autoscaled=autoscaled,
        labels={**pool.pool.labels, **({GPU_LABEL_OF_EKS: pool.pool.gpu.kind} if autoscaled else {})},
        taints=pool.pool.taints_at_first if autoscaled else pool.pool.taints,
        root_gib=pool.root_gib,
        max_pods=pool.max_pods,
        updated_at_once=_one_at_once(),
    )


def _one_at_once() -> Derived[int]:
    return Derived(1, "a new node is there before one is drained, and budgets are computed for one at a time")
