"""Which quotas of EC2 an EKS cluster's pools need: vCPUs of all machines of a sort, in a region."""

from __future__ import annotations

from collections.abc import Sequence

from planning.catalogue.machines import Capacity
from planning.catalogue.quotas import Ec2Quota, ec2_quota
from planning.clusters.eks_nodes import early_nodes
from planning.clusters.quotas import Quota
from planning.derived import Derived
from planning.pools import Pool
from planning.settings.cluster import Eks


def plan_eks_quotas(cluster: Eks, pools: Sequence[Pool], *, karpenter: bool) -> tuple[Quota, ...]:
    """Of all pools at their greatest. With Karpenter on-demand machines may stand in for every spot one."""
    needed: dict[Ec2Quota, int] = {}
    of_pools: dict[Ec2Quota, list[str]] = {}
    for pool in pools:
        if pool.machine is None:
            continue
        bought: tuple[Capacity, ...] = (pool.capacity,)
        if pool.capacity == "spot" and karpenter:
            bought = ("spot", "on-demand")
        for capacity in bought:
            quota = ec2_quota(pool.machine.value, capacity)
            if quota is not None:
                vcpus = (pool.max_nodes + early_nodes(pool.name, cluster)) * pool.machine.value.vcpus
                needed[quota] = needed.get(quota, 0) + vcpus
                of_pools.setdefault(quota, []).append(pool.name)
    return tuple(
        Quota(
            name=quota.code,
            shown=quota.name,
            region=cluster.region,
            unit="vCPUs",
            needed=Derived(
                vcpus,
                f"all nodes of {', '.join(of_pools[quota])}, and those of each that come early, of the planned"
                " machines; larger ones that may come in their place have more",
            ),
        )
        for quota, vcpus in needed.items()
    )
