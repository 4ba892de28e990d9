"""The nodes of an EKS cluster: managed node groups for what must stand, a scaler for the rest.

With Karpenter a managed node group holds the nodes that the floors stand on, at a fixed size, so that no controller's
failure takes them away; what an on-demand pool may have above them, and all of a spot pool, Karpenter buys for pods
that wait. Without it every pool is a managed node group between its bounds, which the Cluster Autoscaler moves.

A spot pool gets two NodePools of Karpenter with the same labels and taints: spot with the greater weight, on-demand
with the lesser. Spot is tried first; where there is none, the pods of the spot lane start on demand; consolidation
brings them back when spot is there again, one node at a time and only into a node that is ready (Karpenter, "Weighted
NodePools" and "Consolidation": on-demand nodes are replaced by cheaper spot ones).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from planning.catalogue import Catalogue
from planning.catalogue.machines import Capacity, MachineType
from planning.derived import Derived
from planning.draining import DETECTION_LAG_S
from planning.driver_canary import canary_labels, canary_name
from planning.nodes import PoolNodes
from planning.pools import GPU_LABEL_OF_EKS, Pool, PoolTaint
from planning.server import PlannedServer
from planning.settings.cluster import Eks
from planning.settings.eks import ImageByCanary
from planning.wording import counted

GPU_IMAGE = "AL2023_x86_64_NVIDIA"
CPU_IMAGE = "AL2023_x86_64_STANDARD"
"""AMI types of managed node groups (API CreateNodegroup, amiType). NVIDIA's brings driver and container toolkit."""

MAX_PODS = 110
"""Pods of a node at the most: EKS's own advice for machines of fewer than 30 vCPUs
(docs.aws.amazon.com/eks/latest/userguide/choosing-instance-type.html), kept for larger ones too."""

AGENT_PODS = 20
"""Pods of a GPU node beside those that use its GPUs: networking, storage, identity, health, device plugin, logs and
metrics, about a dozen, and room for more. Other pods are kept off by the taint. An allowance: each block of 16 that a
node could need is counted in the subnets."""

TIMES_THE_VCPUS = 4
"""How much larger than the planned machine another one of the same GPUs may be, to stand in for it."""

MOST_TYPES = 20
"""Instance types of a managed node group (API CreateNodegroup, instanceTypes)."""

ROOT_DEVICE = "/dev/xvda"
"""Of Amazon Linux images (aws/karpenter-provider-aws website, nodeclasses, `spec.blockDeviceMappings`)."""

ROOT_IOPS, ROOT_THROUGHPUT = 3000, 500
"""gp3's base rate, and four times its base throughput in MiB/s: a serving image of 11.6 GB is written while the pod
waits, and a GPU hour costs a hundred times what the throughput does
(docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html: 0.25 MiB/s for each IOPS)."""

SYSTEM_ROOT_GIB = 50
IMAGES_GIB = 60
"""Room for images and logs on a GPU node: two serving images, for a rollout, of about 25 GiB each when unpacked, and 10
GiB for the rest. An allowance: the catalogue's reference image is 11.6 GB compressed."""
USABLE_SHARE = 0.85
"""The kubelet collects images from 85 % of the disk on and evicts pods at 90 % (kubernetes.io, "Garbage collection" and
"Node-pressure Eviction": imageGCHighThresholdPercent 85, nodefs.available 10 %)."""

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
    made = [_MadePool.of(pool, cluster, servers, catalogue) for pool in pools]
    if not karpenter:
        return PlannedNodes(
            system=_system(cluster, autoscaled=True),
            groups=tuple(_scaled(pool, nodes[pool.pool.name]) for pool in made),
            classes=(),
            pools=(),
        )
    floors = {pool.pool.name: _floor(pool.pool, nodes[pool.pool.name]) for pool in made}
    node_pools = [node_pool for pool in made for node_pool in _node_pools(pool, floors[pool.pool.name])]
    filled = {node_pool.pool for node_pool in node_pools}
    return PlannedNodes(
        system=_system(cluster, autoscaled=False),
        groups=tuple(
            _standing(pool, floors[pool.pool.name])
            for pool in made
            if pool.pool.capacity == "on-demand" and floors[pool.pool.name].value
        ),
        classes=(
            *(_class(pool, cluster) for pool in made if pool.pool.name in filled),
            *(_canary_class(pool, pool.driver) for pool in made if pool.driver is not None),
        ),
        pools=(*node_pools, *(_canary(pool, pool.driver) for pool in made if pool.driver is not None)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _MadePool:
    """A pool with what follows from its machines alone."""

    pool: Pool
    driver: ImageByCanary | None
    machines: Derived[tuple[str, ...]]
    max_pods: Derived[int]
    root_gib: Derived[int]

    @classmethod
    def of(cls, pool: Pool, cluster: Eks, servers: Sequence[PlannedServer], catalogue: Catalogue) -> _MadePool:
        machines, because = machines_of(pool, cluster, catalogue)
        fewest = min(machine.max_pods for machine in machines)
        own = cluster.pools.get(pool.name)
        return cls(
            pool=pool,
            driver=own.driver if own is not None else None,
            machines=Derived(tuple(machine.name for machine in machines), because),
            max_pods=Derived(
                min(MAX_PODS, fewest, pool.slots + AGENT_PODS),
                f"{counted(pool.slots, 'pod')} can use its GPUs and {AGENT_PODS} may serve the node itself; the"
                f" kubelet's reserve is reckoned for {min(MAX_PODS, fewest)}",
            ),
            root_gib=_root(pool, servers),
        )


def early_nodes(pool: str, cluster: Eks) -> int:
    """Nodes of `pool` that come before others go, in an update or a move, its driver's canary included."""
    own = cluster.pools.get(pool)
    return own.driver.at_once + 1 if own is not None and own.driver is not None else 1


def machines_of(pool: Pool, cluster: Eks, catalogue: Catalogue) -> tuple[tuple[MachineType, ...], str]:
    """The machines that may carry `pool`, in the order in which they are tried, and why these."""
    if pool.machine is None:
        raise ValueError(f"{pool.name} is not made by this program")
    planned = pool.machine.value
    if pool.name in cluster.machines:
        return (planned,), pool.machine.because
    like = tuple(
        machine
        for machine in catalogue.machines_with("eks", planned.gpu, planned.gpus, pool.capacity)
        if planned.vcpus <= machine.vcpus <= TIMES_THE_VCPUS * planned.vcpus
        and machine.memory_bytes >= planned.memory_bytes
    )[:MOST_TYPES]
    return like, (
        f"each carries {planned.gpus} x {planned.gpu} and at least what {planned.name} has, and no more than"
        f" {TIMES_THE_VCPUS} times its vCPUs; several sorts are more often to be had than one"
        if like[1:]
        else f"nothing else of a like size carries {planned.gpus} x {planned.gpu}"
    )


def _root(pool: Pool, servers: Sequence[PlannedServer]) -> Derived[int]:
    scratch = [
        server.storage.disk.bytes
        for server in servers
        if any(pool.name in (other.name for other in lane.lane.pools) for lane in server.lanes)
    ]
    gib = -(-max(scratch, default=0) * pool.slots // 2**30)
    needed = -(-(IMAGES_GIB + gib) // USABLE_SHARE)
    return Derived(
        int(-(-needed // 10) * 10),
        f"images and logs take {IMAGES_GIB} GiB, the models that {counted(pool.slots, 'pod')} copy {gib} GiB, and a"
        f" disk is used to {USABLE_SHARE:.0%}",
    )


def _system(cluster: Eks, *, autoscaled: bool) -> PlannedNodeGroup:
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
        labels={"tritonup/pool": "system"},
        taints=(),
        root_gib=Derived(SYSTEM_ROOT_GIB, "controllers' images are small (an allowance)"),
        max_pods=Derived(MAX_PODS, "it has fewer than 30 vCPUs, and prefixes give it addresses for so many"),
        updated_at_once=_one_at_once(),
    )


def _one_at_once() -> Derived[int]:
    return Derived(1, "a new node is there before one is drained, and budgets are computed for one at a time")


def _group(
    pool: _MadePool, minimum: Derived[int], at_first: Derived[int], maximum: Derived[int], *, autoscaled: bool
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


def _floor(pool: Pool, nodes: PoolNodes) -> Derived[int]:
    """The nodes of an on-demand pool that always run. Of a spot pool none does: they come for pods."""
    if pool.capacity == "spot":
        return Derived(0, "spot nodes come for pods that wait")
    return nodes.at_rest


def _standing(pool: _MadePool, floor: Derived[int]) -> PlannedNodeGroup:
    largest = Derived(floor.value, "what the pool may have above its floor is bought by Karpenter")
    return _group(pool, floor, floor, largest, autoscaled=False)


def _scaled(pool: _MadePool, nodes: PoolNodes) -> PlannedNodeGroup:
    name = pool.pool.name
    return _group(
        pool,
        Derived(pool.pool.min_nodes, f"gpu_pools.{name}.nodes.min says so"),
        nodes.at_rest,
        Derived(pool.pool.max_nodes, f"gpu_pools.{name}.nodes.max says so"),
        autoscaled=True,
    )


def _class(pool: _MadePool, cluster: Eks) -> PlannedNodeClass:
    if pool.driver is not None:
        return replace(_canary_class(pool, pool.driver), name=pool.pool.name, after=pool.pool.name)
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


def _canary_class(pool: _MadePool, driver: ImageByCanary) -> PlannedNodeClass:
    return PlannedNodeClass(
        name=canary_name(pool.pool.name),
        after=None,
        image=Derived(f"al2023@{driver.image}", f"cluster.pools.{pool.pool.name}.driver.image says so"),
        root_gib=pool.root_gib,
        max_pods=pool.max_pods,
    )


def _node_pools(made: _MadePool, floor: Derived[int]) -> tuple[PlannedNodePool, ...]:
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


def _spot(made: _MadePool) -> PlannedNodePool:
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


def _in_place_of_spot(made: _MadePool) -> PlannedNodePool:
    pool = made.pool
    return _on_demand(
        made,
        name=f"{pool.name}-instead",
        nodes=pool.max_nodes,
        why=f"it stands in for all {counted(pool.max_nodes, 'node')} of {pool.name!r} when there is no spot capacity",
    )


def _on_demand(made: _MadePool, *, name: str, nodes: int, why: str) -> PlannedNodePool:
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


def _canary(made: _MadePool, driver: ImageByCanary) -> PlannedNodePool:
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


def _budgets(pool: _MadePool) -> Derived[tuple[NodeBudget, ...]]:
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
