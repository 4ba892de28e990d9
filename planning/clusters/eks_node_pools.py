"""Karpenter's NodePools and EC2NodeClasses on EKS.

A spot pool gets two NodePools with the same labels and taints: spot with the greater weight, on-demand with the lesser.
Spot is tried first; where there is none, the pods of the spot lane start on demand; consolidation brings them back when
spot is there again, one node at a time and only into a node that is ready (Karpenter, "Weighted NodePools" and
"Consolidation": on-demand nodes are replaced by cheaper spot ones).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from planning.catalogue.machines import Capacity
from planning.clusters.eks_machines import MadePool
from planning.derived import Derived
from planning.draining import DETECTION_LAG_S
from planning.driver_canary import canary_labels, canary_name
from planning.pools import Pool, PoolTaint
from planning.settings.cluster import Eks
from planning.settings.eks import ImageByCanary
from planning.wording import counted

SPOT_WEIGHT, ON_DEMAND_WEIGHT = 100, 10
"""Karpenter tries the NodePool of the greatest weight first (karpenter.sh/docs/concepts/nodepools, `spec.weight`)."""

EXPIRE_HOURS = 336
"""Two weeks: a node is made anew from the newest image at the latest then. Karpenter's own default is 720 h."""

CANARY_HOURS = 1
"""Longer than a handshake may take. Karpenter moves or removes no node that is not initialised, which takes a GPU, but
for its age (kubernetes-sigs/karpenter 2266468, pkg/controllers/state/statenode.go, ValidateNodeDisruptable, and
pkg/controllers/nodeclaim/expiration/controller.go)."""

ON_DEMAND_GRACE_S = 3600
"""An hour for a drain on nodes that nobody reclaims: disruption budgets of pods clear in minutes, and a pod that can
never leave keeps no node for ever."""

RETURN_AFTER = "15m"
"""How long a pod's coming or going keeps Karpenter from moving a node: longer than a GPU node's boot, so that a return
to spot does not follow every rollout."""

EMPTY_AFTER = "5m"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeBudget:
    """How many nodes Karpenter may move at once, and for which reasons."""

    nodes: str
    reasons: tuple[Literal["Drifted", "Underutilized", "Empty"], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNodePool:
    """A NodePool of Karpenter for `pool`, whose nodes are of `node_class`. `grace_s`: how long a node may drain before
    what is left on it is ended."""

    name: str
    pool: str
    node_class: str
    capacity: Capacity
    weight: Derived[int]
    machines: Derived[tuple[str, ...]]
    zones: tuple[str, ...]
    labels: Mapping[str, str]
    taints: tuple[PoolTaint, ...]
    gpus: Derived[int]
    grace_s: Derived[int]
    consolidation: Derived[Literal["WhenEmpty", "WhenEmptyOrUnderutilized"]]
    consolidate_after: str
    expire_hours: Derived[int]
    budgets: Derived[tuple[NodeBudget, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNodeClass:
    """An EC2NodeClass of Karpenter: what the nodes of one pool are made of. `after`: the pool whose handshake must
    have succeeded before this is made or changed."""

    name: str
    after: str | None
    image: Derived[str]
    root_gib: Derived[int]
    max_pods: Derived[int]


def node_class_of(pool: MadePool, cluster: Eks) -> PlannedNodeClass:
    """What the nodes of `pool` are made of, when its driver has been tried where it is to be."""
    if pool.driver is not None:
        return replace(canary_class_of(pool, pool.driver), name=pool.pool.name, after=pool.pool.name)
    return PlannedNodeClass(
        name=pool.pool.name,
        after=None,
        image=Derived(
            f"al2023@{cluster.node_image}",
            "cluster.node_image says so; of a GPU machine Karpenter takes the image with NVIDIA's driver",
        ),
        root_gib=pool.root_gib,
        max_pods=pool.max_pods,
    )


def canary_class_of(pool: MadePool, driver: ImageByCanary) -> PlannedNodeClass:
    """What the one node is made of that tries `driver`."""
    return PlannedNodeClass(
        name=canary_name(pool.pool.name),
        after=None,
        image=Derived(f"al2023@{driver.image}", f"cluster.pools.{pool.pool.name}.driver.image says so"),
        root_gib=pool.root_gib,
        max_pods=pool.max_pods,
    )


def node_pools_of(made: MadePool, floor: Derived[int]) -> tuple[PlannedNodePool, ...]:
    """Those of a pool of which `floor` nodes stand in a managed node group; none where nothing is above it."""
    pool = made.pool
    if pool.capacity == "spot":
        return (_spot(made), _in_place_of_spot(made))
    above = pool.max_nodes - floor.value
    if above <= 0:
        return ()
    return (
        _on_demand(
            made,
            name=f"{pool.name}-above",
            nodes=above,
            why=f"gpu_pools.{pool.name}.nodes.max allows {pool.max_nodes} nodes, of which {floor.value} always run",
        ),
    )


def _spot(made: MadePool) -> PlannedNodePool:
    pool = made.pool
    notice = pool.notice.seconds if pool.notice else 0
    return PlannedNodePool(
        name=pool.name,
        pool=pool.name,
        node_class=pool.name,
        capacity="spot",
        weight=Derived(SPOT_WEIGHT, "spot is tried before on-demand, which costs more"),
        machines=made.machines,
        zones=pool.zones,
        labels=pool.labels,
        taints=pool.taints,
        gpus=_gpus(pool, pool.max_nodes, f"gpu_pools.{pool.name}.nodes.max allows {pool.max_nodes} nodes"),
        grace_s=Derived(
            notice - DETECTION_LAG_S,
            f"a reclaimed node has {notice} s, of which {DETECTION_LAG_S} s may pass before Karpenter knows; pods that"
            " cannot be evicted by then are ended with their whole grace period, not cut off",
        ),
        consolidation=Derived("WhenEmpty", "a serving spot node is never moved to save a little more"),
        consolidate_after=EMPTY_AFTER,
        expire_hours=_expiry(),
        budgets=_budgets(made),
    )


def _in_place_of_spot(made: MadePool) -> PlannedNodePool:
    pool = made.pool
    return _on_demand(
        made,
        name=f"{pool.name}-instead",
        nodes=pool.max_nodes,
        why=f"it stands in for all {counted(pool.max_nodes, 'node')} of {pool.name!r} when there is no spot capacity",
    )


def _on_demand(made: MadePool, *, name: str, nodes: int, why: str) -> PlannedNodePool:
    pool = made.pool
    return PlannedNodePool(
        name=name,
        pool=pool.name,
        node_class=pool.name,
        capacity="on-demand",
        weight=Derived(ON_DEMAND_WEIGHT, "it is for what spot or the floor does not hold"),
        machines=made.machines,
        zones=pool.zones,
        labels=pool.labels,
        taints=pool.taints,
        gpus=_gpus(pool, nodes, why),
        grace_s=Derived(ON_DEMAND_GRACE_S, "nobody reclaims the node, so that a drain can wait for disruption budgets"),
        consolidation=Derived(
            "WhenEmptyOrUnderutilized",
            "its pods return to spot or to the floor when there is room, one node at a time and within their budgets",
        ),
        consolidate_after=RETURN_AFTER,
        expire_hours=_expiry(),
        budgets=_budgets(made),
    )


def canary_pool_of(made: MadePool, driver: ImageByCanary) -> PlannedNodePool:
    """One node, for the handshake alone: on demand, because a reclaim would say nothing of the driver."""
    pool = made.pool
    return replace(
        _on_demand(made, name=canary_name(pool.name), nodes=1, why="one node tries a new driver"),
        node_class=canary_name(pool.name),
        labels=canary_labels(pool, driver.image),
        consolidation=Derived("WhenEmpty", "it is there for one pod, and for whoever looks at what became of it"),
        expire_hours=Derived(CANARY_HOURS, "a node on which no GPU comes is never empty to Karpenter, and would stay"),
    )


def _gpus(pool: Pool, nodes: int, why: str) -> Derived[int]:
    return Derived(nodes * pool.gpus_per_node, f"{why}, with {counted(pool.gpus_per_node, 'GPU')} each")


def _expiry() -> Derived[int]:
    return Derived(EXPIRE_HOURS, "a node is patched by being made anew, every two weeks at the latest")


def _budgets(pool: MadePool) -> Derived[tuple[NodeBudget, ...]]:
    if pool.driver is not None and pool.driver.at_once > 1:
        return Derived(
            (
                NodeBudget(nodes=str(pool.driver.at_once), reasons=("Drifted",)),
                NodeBudget(nodes="1", reasons=("Underutilized",)),
                NodeBudget(nodes="100%", reasons=("Empty",)),
            ),
            f"cluster.pools.{pool.pool.name}.driver.at_once says how many nodes get a new image at a time; else one"
            " node with pods moves, and empty ones cost nothing to lose",
        )
    return Derived(
        (
            NodeBudget(nodes="1", reasons=("Drifted", "Underutilized")),
            NodeBudget(nodes="100%", reasons=("Empty",)),
        ),
        "one node with pods moves at a time, and empty ones cost nothing to lose",
    )
