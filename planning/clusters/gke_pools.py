"""The node pools of a GKE cluster: those of `gpu_pools`, and one for everything without a GPU.

What is cited without an address is of cloud.google.com/kubernetes-engine/docs as it stood in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from planning.catalogue.clouds import CloudFacts
from planning.catalogue.gpus import Architecture
from planning.clusters.gke_network import NodeDemand, pods_of_a_node
from planning.derived import Derived
from planning.pools import COMPUTE_CLASS, POOL_LABEL, Pool, PoolTaint
from planning.server import PlannedServer
from planning.settings.cluster import Gke
from planning.settings.gke import BlueGreenUpgrade, FlexStart, GkePool, Reservation
from planning.settings.pools import GpuPool, Mig, Mps, TimeSlicing
from planning.settings.quantities import Memory

SYSTEM_POOL = "system"

INSTEAD = "-instead"
"""What the name of a spot pool's stand-in ends in, as that of Karpenter's does."""

GIB = 2**30

SYSTEM_DISK_GIB = 100
"""GKE's default, of which it keeps about a third for itself (/concepts/plan-node-sizes: boot disk reservations)."""

TRITON_UNPACKED_GIB = 30
"""An image of Triton with all backends on disk: 11.6 GB compressed (planning/catalogue/clouds.py), which
unpack to between two and three times as much. Twice that, while an update pulls the next one."""

DISK_STEP_GIB = 50

HYPERDISK_ALONE = ("a3-ultragpu-", "a4-")
"""Machine families that boot from Hyperdisk Balanced only (cloud.google.com/compute/docs/disks/hyperdisks)."""

DEFAULT_NOTICE_S = 15

Sharing = Literal["TIME_SHARING", "MPS"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """The GPUs of a node, in GKE's words. `partition` is a MIG profile; `sharing` the strategy and the pods of a
    GPU."""

    type: Derived[str]
    count: Derived[int]
    partition: Derived[str] | None
    sharing: Derived[tuple[Sharing, int]] | None
    driver: Derived[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """What the kubelet divides between a reclaim's notice and the node's end, in seconds: `total`, of which
    `critical` are the system's own pods'."""

    total: int
    critical: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """`more` nodes above the pool's size while it is upgraded, `fewer` below."""

    more: int
    fewer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueGreen:
    soak_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortLived:
    """Nodes are not replaced: each ends by itself, and the next is of the new version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Flex-start: a node comes when there is one, and ends after `run_seconds`."""

    run_seconds: int
    queued: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePoolPlan:
    """`min_nodes` and `max_nodes` count over all zones, `first_nodes` in each: what is made with the pool.
    `reservation` is the value of Compute Engine's label for it. `pool` is the name in `gpu_pools` whose pods it
    carries; another one of the same `pool` stands in for its spot nodes. `named`: it is called so at Google too,
    because a ComputeClass names it."""

    name: str
    pool: str
    named: bool
    machine: Derived[str]
    zones: Derived[tuple[str, ...]]
    accelerator: Accelerator | None
    spot: bool
    reservation: Derived[str] | None
    waiting: Derived[Waiting] | None
    first_nodes: int
    min_nodes: int
    max_nodes: int
    location_policy: Derived[str]
    pods: Derived[int]
    disk_gib: Derived[int]
    disk_type: Derived[str]
    local_ssds: int | None
    preloaded: tuple[str, ...]
    labels: Mapping[str, str]
    taints: tuple[PoolTaint, ...]
    shutdown: Derived[Shutdown] | None
    upgrade: Derived[Surge | BlueGreen | ShortLived]
    repaired: Derived[bool]

    @property
    def demand(self) -> NodeDemand:
        """The addresses that it may come to take, upgrades included."""
        match self.upgrade.value:
            case Surge(more=more):
                extra = more
            case BlueGreen():
                extra = self.max_nodes
            case ShortLived():
                extra = 0
        return NodeDemand(pool=self.name, nodes=self.max_nodes + extra, pods=self.pods.value)


def plan_system_pool(cluster: Gke) -> NodePoolPlan:
    """The nodes of the cluster's own pods. On demand: DNS and the metrics that scale servers must not be
    reclaimed."""
    zones = tuple(cluster.zones)
    return NodePoolPlan(
        name=SYSTEM_POOL,
        pool=SYSTEM_POOL,
        named=False,
        machine=Derived(cluster.system.machine, "cluster.system.machine says so"),
        zones=Derived(zones, "cluster.zones says so"),
        accelerator=None,
        spot=False,
        reservation=None,
        waiting=None,
        first_nodes=1,
        min_nodes=cluster.system.min,
        max_nodes=cluster.system.max,
        location_policy=Derived("BALANCED", "a zone that fails must not take all of the cluster's DNS along"),
        pods=Derived(110, "GKE's default: many small pods run here"),
        disk_gib=Derived(SYSTEM_DISK_GIB, "GKE's default"),
        disk_type=Derived("pd-balanced", "logs and images, no data"),
        local_ssds=None,
        preloaded=(),
        labels={POOL_LABEL: SYSTEM_POOL},
        taints=(),
        shutdown=None,
        upgrade=Derived(Surge(more=1, fewer=0), "a new node is there before an old one goes"),
        repaired=Derived(True, "a node that is not ready for 10 minutes is made anew"),
    )


def plan_gpu_pools(
    pool: Pool,
    wanted: GpuPool,
    own: GkePool,
    cluster: Gke,
    servers: Sequence[PlannedServer],
    cloud: CloudFacts,
) -> tuple[NodePoolPlan, ...]:
    """`pool` as GKE makes it, and what stands in for it; `wanted` and `own` are its blocks in the stack file."""
    made = _gpu_pool(pool, wanted, own, cluster, servers, cloud)
    return (made, _in_place_of(made)) if pool.capacity == "spot" and own.without_spot == "on-demand" else (made,)


def stand_in(pool: str) -> str:
    """The name of what stands in for spot pool `pool`."""
    return f"{pool}{INSTEAD}"


def _in_place_of(spot: NodePoolPlan) -> NodePoolPlan:
    """On-demand nodes that differ from `spot`'s in nothing that a pod could notice."""
    return replace(
        spot,
        name=stand_in(spot.pool),
        spot=False,
        min_nodes=0,
        location_policy=Derived("ANY", "it is for pods that wait, so any zone that has a node will do"),
        shutdown=None,
    )


def _gpu_pool(
    pool: Pool,
    wanted: GpuPool,
    own: GkePool,
    cluster: Gke,
    servers: Sequence[PlannedServer],
    cloud: CloudFacts,
) -> NodePoolPlan:
    machine = pool.machine
    assert machine is not None, "a pool that is made has a machine"
    spot = pool.capacity == "spot"
    waiting = own.provisioning if isinstance(own.provisioning, FlexStart) else None
    return NodePoolPlan(
        name=pool.name,
        pool=pool.name,
        named=COMPUTE_CLASS in pool.labels,
        machine=Derived(machine.value.name, machine.because),
        zones=_zones(pool, cluster),
        accelerator=Accelerator(
            type=Derived(machine.value.accelerator, f"Google Cloud's name of {pool.gpu.kind}"),
            count=Derived(pool.gpus_per_node, f"gpu_pools.{pool.name}.gpus_per_node says so"),
            partition=_partition(pool, wanted),
            sharing=_sharing(pool, wanted),
            driver=_driver(pool),
        ),
        spot=spot,
        reservation=_reservation(pool.name, own, cluster),
        waiting=Derived(
            Waiting(run_seconds=waiting.run.seconds, queued=waiting.queued),
            f"cluster.pools.{pool.name}.provisioning says so",
        )
        if waiting
        else None,
        first_nodes=0,
        min_nodes=pool.min_nodes,
        max_nodes=pool.max_nodes,
        location_policy=_location_policy(spot, own),
        pods=pods_of_a_node(pool.slots),
        disk_gib=_disk(pool, own, servers),
        disk_type=Derived("hyperdisk-balanced", "its machines boot from nothing else")
        if machine.value.name.startswith(HYPERDISK_ALONE)
        else Derived("pd-balanced", "an image is read once; nothing else needs a faster disk"),
        local_ssds=own.local_ssds,
        preloaded=tuple(own.preloaded),
        labels=pool.labels,
        taints=pool.taints_at_first,
        shutdown=_shutdown(cluster, cloud) if spot else None,
        upgrade=_upgrade(pool.name, own),
        repaired=Derived(False, "flex-start takes no repair: a node that is given back is not had again")
        if waiting
        else Derived(True, "a node that is not ready for 10 minutes is made anew"),
    )


def _zones(pool: Pool, cluster: Gke) -> Derived[tuple[str, ...]]:
    if len(pool.zones) == len(cluster.zones):
        return Derived(pool.zones, "cluster.zones says so, and all of them offer its machine")
    return Derived(pool.zones, "of cluster.zones these offer its machine")


def _partition(pool: Pool, wanted: GpuPool) -> Derived[str] | None:
    match wanted.sharing:
        case Mig(profile=profile):
            return Derived(profile, f"gpu_pools.{pool.name}.sharing says so")
        case _:
            return None


def _sharing(pool: Pool, wanted: GpuPool) -> Derived[tuple[Sharing, int]] | None:
    because = f"gpu_pools.{pool.name}.sharing says so"
    match wanted.sharing:
        case TimeSlicing(pods=pods):
            return Derived(("TIME_SHARING", pods), because)
        case Mps(pods=pods):
            return Derived(("MPS", pods), because)
        case _:
            return None


def _driver(pool: Pool) -> Derived[str]:
    """LATEST is the newest driver of the node's image, DEFAULT the one before (/how-to/gpus, "gpu-driver-version")."""
    if pool.gpu.architecture is Architecture.VOLTA:
        return Derived("DEFAULT", "NVIDIA's drivers after 580 leave Volta out")
    return Derived("LATEST", "CUDA 13 in Triton's images needs driver 580, and GKE's default driver follows later")


def _reservation(name: str, own: GkePool, cluster: Gke) -> Derived[str] | None:
    match own.provisioning:
        case Reservation(name=reserved, project=project):
            shared = project is not None and project != cluster.project
            value = f"projects/{project}/reservations/{reserved}" if shared else reserved
            return Derived(value, f"cluster.pools.{name}.provisioning names it")
        case _:
            return None


def _location_policy(spot: bool, own: GkePool) -> Derived[str]:
    """/concepts/cluster-autoscaler, "Location policy": ANY makes use of whatever is free and of reservations,
    BALANCED spreads as far as it can."""
    match own.provisioning:
        case Reservation():
            return Derived("ANY", "nodes come from where the reservation is")
        case FlexStart():
            return Derived("ANY", "flex-start takes nothing else")
        case _:
            pass
    if spot:
        return Derived("ANY", "spot is taken wherever it is free, which also makes a reclaim less likely")
    return Derived("BALANCED", "a zone that fails must not take the whole floor along")


def _disk(pool: Pool, own: GkePool, servers: Sequence[PlannedServer]) -> Derived[int]:
    if own.disk is not None:
        return Derived(Memory.parse(own.disk).bytes // GIB, f"cluster.pools.{pool.name}.disk says so")
    scratch = [server.storage.disk.bytes for server in servers for lane in server.lanes if pool in lane.lane.pools]
    pods = -(-max(scratch, default=0) * pool.slots // GIB)
    need = SYSTEM_DISK_GIB + 2 * TRITON_UNPACKED_GIB + pods
    return Derived(
        -(-need // DISK_STEP_GIB) * DISK_STEP_GIB,
        f"{SYSTEM_DISK_GIB} GiB are the node's own, two images of Triton unpack to {2 * TRITON_UNPACKED_GIB} GiB, and"
        f" a node's pods may keep {pods} GiB of models and in /tmp",
    )


def _shutdown(cluster: Gke, cloud: CloudFacts) -> Derived[Shutdown] | None:
    """/concepts/spot-vms, "Graceful termination": left out, the kubelet gives 30 s, the last 15 of them to critical
    pods."""
    notice = cluster.spot_notice.millis // 1000
    if notice <= DEFAULT_NOTICE_S:
        return None
    critical = cloud.spot.critical_seconds
    return Derived(
        Shutdown(total=notice + critical, critical=critical),
        f"cluster.spot_notice gives pods of ours {notice} s, and the system's own have {critical} s after them",
    )


def _upgrade(name: str, own: GkePool) -> Derived[Surge | BlueGreen | ShortLived]:
    match own.provisioning:
        case FlexStart():
            return Derived(ShortLived(), "GKE upgrades flex-start nodes in no other way")
        case _:
            pass
    match own.upgrade:
        case BlueGreenUpgrade(soak=soak):
            return Derived(BlueGreen(soak_seconds=soak.seconds), f"cluster.pools.{name}.upgrade says so")
        case _:
            pass
    match own.provisioning:
        case Reservation():
            return Derived(Surge(more=0, fewer=1), "a reservation has no node above its own")
        case _:
            return Derived(Surge(more=1, fewer=0), "a new node is there before an old one goes")
