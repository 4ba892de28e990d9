"""What a GKE cluster costs an hour beside its GPU nodes, and which quotas its project needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from planning.catalogue.gke_fees import CONTROL_PLANE, NAT_ADDRESS, NAT_MOST_NODES, NAT_PER_NODE, Fee, plain_price
from planning.catalogue.quotas import ALL_REGIONS, google_quota
from planning.clusters.gke_pools import NodePoolPlan
from planning.clusters.quotas import Quota
from planning.cost import PoolCost
from planning.derived import Derived
from planning.pools import Pool
from planning.settings.cluster import Gke
from planning.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCost:
    """US dollars an hour, at rest and at most. `fee` is None where no dated price is known, and so are the sums."""

    what: str
    fee: Fee | None
    at_rest: Derived[Decimal | None]
    at_most: Derived[Decimal | None]


def plan_cluster_costs(cluster: Gke, system: NodePoolPlan, costs: Sequence[PoolCost]) -> tuple[ClusterCost, ...]:
    """`costs` are those of the GPU pools, whose nodes use the gateway too."""
    price = plain_price(system.machine.value, cluster.region)
    rest = system.min_nodes + sum(cost.nodes.at_rest.value for cost in costs)
    most = system.max_nodes + sum(cost.pool.max_nodes for cost in costs)
    return (
        _line("control plane", CONTROL_PLANE, (1, "there is one cluster"), (1, "there is one cluster")),
        _line(
            f"system nodes ({system.machine.value})",
            price,
            (system.min_nodes, f"{counted(system.min_nodes, 'node')} always run"),
            (system.max_nodes, f"cluster.system.max is {system.max_nodes}"),
        ),
        _line(
            "NAT gateway",
            NAT_PER_NODE,
            (min(rest, NAT_MOST_NODES), f"{counted(rest, 'node')} at rest use it"),
            (min(most, NAT_MOST_NODES), f"{counted(most, 'node')} may use it, of which {NAT_MOST_NODES} are counted"),
        ),
        _line("NAT address", NAT_ADDRESS, (1, "one address carries it"), (1, "more come only with many connections")),
    )


def _line(what: str, fee: Fee | None, rest: tuple[int, str], most: tuple[int, str]) -> ClusterCost:
    def of(number: int) -> Decimal | None:
        return fee.usd_per_hour * number if fee is not None else None

    return ClusterCost(what=what, fee=fee, at_rest=Derived(of(rest[0]), rest[1]), at_most=Derived(of(most[0]), most[1]))


def plan_quotas(cluster: Gke, plans: Sequence[NodePoolPlan], pools: Sequence[Pool]) -> tuple[Quota, ...]:
    """The GPU quotas that all pools at their greatest need, upgrades included. A new project has none of them."""
    by_name = {pool.name: pool for pool in pools}
    needed: dict[str, int] = {}
    from_pools: dict[str, list[str]] = {}
    for plan in plans:
        pool = by_name[plan.pool]
        name = google_quota(pool.gpu.kind, "spot" if plan.spot else "on-demand")
        needed[name] = needed.get(name, 0) + plan.demand.nodes * pool.gpus_per_node
        from_pools.setdefault(name, []).append(plan.name)
    lines = [
        _quota(name, cluster.region, gpus, f"all nodes of {', '.join(from_pools[name])} with those of an upgrade")
        for name, gpus in needed.items()
    ]
    if needed:
        lines.append(_quota(ALL_REGIONS, None, sum(needed.values()), "it counts every GPU of the project again"))
    return tuple(lines)


def _quota(name: str, region: str | None, gpus: int, because: str) -> Quota:
    return Quota(name=name, shown=name, region=region, unit="GPUs", needed=Derived(gpus, because))
