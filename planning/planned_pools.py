"""The pools of a stack file as planned: how their GPUs are shared, and what their nodes are.

What the nodes of a pool are is decided here where this program makes them, and taken from the stack file where they are
there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planning.catalogue import Catalogue
from planning.catalogue.clouds import CloudFacts
from planning.catalogue.machines import MachineType
from planning.clusters.block import at
from planning.clusters.compute_class import compute_class_of
from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.pool_machines import machine_of, machines_of_no_pool, room_on
from planning.pools import (
    COMPUTE_CLASS,
    GPU_RESOURCE,
    MIG_CONFIG,
    PLUGIN_CONFIG,
    POOL_LABEL,
    STARTUP_TAINT,
    Notice,
    Pool,
    PoolTaint,
)
from planning.settings.cluster import Eks, Existing, Gke, Local, described
from planning.settings.controllers import Presence
from planning.settings.pools import GpuPool, Mig, Mps, Sharing, TimeSlicing, Whole
from planning.settings.quantities import Cpu, Memory
from planning.settings.root import Settings
from planning.sharing import plan_share
from planning.zones import offered_zones

UNKNOWN_POOL_FACTS = Rule("TU301", Severity.ERROR, "An existing cluster describes every pool that is used")
NOTICE_TOO_LONG = Rule("TU602", Severity.ERROR, "A reclaimed node's notice is one that the cloud gives")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    """What the nodes of a pool are; each field is that of Pool."""

    machine: Derived[MachineType] | None
    room: tuple[Cpu, Memory] | None
    labels: Mapping[str, str]
    taints: tuple[PoolTaint, ...]
    notice: Notice | None
    zones: tuple[str, ...]
    boot_seconds: Derived[int]


def plan_pools(settings: Settings, catalogue: Catalogue) -> tuple[tuple[Pool, ...], tuple[Finding, ...]]:
    """The pools of `settings`, in the order of the stack file. A pool that cannot be is left out, with a
    finding that says why."""
    pools: list[Pool] = []
    findings: list[Finding] = []
    for name, wanted in settings.gpu_pools.items():
        planned = _pool(name, wanted, settings, catalogue)
        if isinstance(planned, Finding):
            findings.append(planned)
        else:
            pools.append(planned)
    # One value of the cluster may be wrong for several pools.
    return tuple(pools), tuple(dict.fromkeys([*findings, *machines_of_no_pool(settings)]))


def _pool(name: str, wanted: GpuPool, settings: Settings, catalogue: Catalogue) -> Pool | Finding:
    share = plan_share(name, wanted, catalogue, on_gke=_on_gke(settings))
    if isinstance(share, Finding):
        return share
    slots = wanted.gpus_per_node * share.per_gpu
    nodes = _nodes(name, wanted, slots, settings, catalogue)
    if isinstance(nodes, Finding):
        return nodes
    return Pool(
        name=name,
        gpu=catalogue.gpus[wanted.gpu],
        gpus_per_node=wanted.gpus_per_node,
        slots=slots,
        whole=share.whole,
        by_mps=share.by_mps,
        share_bytes=share.memory,
        capacity=wanted.capacity,
        min_nodes=wanted.nodes.min,
        max_nodes=wanted.nodes.max,
        machine=nodes.machine,
        room=nodes.room,
        labels=nodes.labels,
        taints=nodes.taints,
        startup_taint=PoolTaint(key=STARTUP_TAINT, value="awaited", effect="NoSchedule")
        if wanted.startup_taint
        else None,
        notice=nodes.notice,
        zones=nodes.zones,
        boot_seconds=nodes.boot_seconds,
    )


def _on_gke(settings: Settings) -> bool:
    match described(settings.cluster):
        case Gke() | Existing(platform="gke"):
            return True
        case _:
            return False


def _nodes(name: str, wanted: GpuPool, slots: int, settings: Settings, catalogue: Catalogue) -> _Nodes | Finding:
    match described(settings.cluster):
        case Gke() | Eks() as cluster:
            return _made(name, wanted, slots, cluster, settings, catalogue)
        case Existing() as cluster:
            return _there(name, wanted, cluster)
        case Local():
            return Finding(
                rule=UNKNOWN_POOL_FACTS,
                at=setting(f"gpu_pools.{name}"),
                what="A local cluster has no GPUs.",
                fix="Take the pool out, or choose another kind of cluster.",
            )


def _made(
    name: str, wanted: GpuPool, slots: int, cluster: Gke | Eks, settings: Settings, catalogue: Catalogue
) -> _Nodes | Finding:
    cloud = catalogue.clouds[cluster.kind]
    machine = machine_of(name, wanted, slots, cluster, settings, catalogue)
    if isinstance(machine, Finding):
        return machine
    notice = _notice(cluster, cloud, settings) if wanted.capacity == "spot" else None
    if isinstance(notice, Finding):
        return notice
    zones = offered_zones(name, machine.value, cluster, at(settings, "zones"), catalogue)
    if isinstance(zones, Finding):
        return zones
    of_class = compute_class_of(name, settings)
    return _Nodes(
        machine=machine,
        room=room_on(machine.value),
        labels={
            POOL_LABEL: name,
            **({COMPUTE_CLASS: of_class} if of_class else {}),
            **_said_to_nvidia(wanted.sharing, cluster, settings),
        },
        taints=(
            PoolTaint(key=GPU_RESOURCE, value="present", effect="NoSchedule"),
            *((PoolTaint(key=COMPUTE_CLASS, value=of_class, effect="NoSchedule"),) if of_class else ()),
        ),
        notice=notice,
        zones=zones,
        boot_seconds=Derived(
            cloud.boot.seconds + cloud.boot.image_pull_seconds,
            f"a new {cluster.kind.upper()} GPU node takes up to {cloud.boot.seconds} s until its GPU can be used, and"
            f" the image up to {cloud.boot.image_pull_seconds} s ({cloud.boot.source})",
        ),
    )


def _said_to_nvidia(sharing: Sharing, cluster: Gke | Eks, settings: Settings) -> dict[str, str]:
    """Labels of EKS nodes by which NVIDIA's software, where somebody else installed it, learns how a pool shares its
    GPUs. GKE is told by the node pool, and a plugin of ours by its file."""
    if isinstance(cluster, Gke) or settings.controllers.nvidia_device_plugin is not Presence.PRESENT:
        return {}
    match sharing:
        case Mig(profile=profile):
            return {MIG_CONFIG: f"all-{profile}"}
        case TimeSlicing(pods=pods) | Mps(pods=pods):
            return {PLUGIN_CONFIG: f"{sharing.kind}-{pods}"}
        case Whole():
            return {}


def _notice(cluster: Gke | Eks, cloud: CloudFacts, settings: Settings) -> Notice | Finding:
    match cluster:
        case Gke(spot_notice=notice):
            if notice.millis > cloud.spot.max_seconds * 1000:
                return Finding(
                    rule=NOTICE_TOO_LONG,
                    at=at(settings, "spot_notice"),
                    what=f"{notice} is more than pods of ours can be given on a reclaimed GKE node.",
                    fix=f"Write at most {cloud.spot.max_seconds}s ({cloud.spot.source}).",
                )
            return Notice(
                seconds=notice.millis // 1000,
                source="cluster.spot_notice of GKE spot nodes",
                choice="cluster.spot_notice",
            )
        case Eks():
            return Notice(seconds=cloud.spot.default_seconds, source="EC2 spot interruption notice")


def _there(name: str, wanted: GpuPool, cluster: Existing) -> _Nodes | Finding:
    facts = cluster.pools.get(name)
    if facts is None:
        return Finding(
            rule=UNKNOWN_POOL_FACTS,
            at=setting(f"cluster.pools.{name}"),
            what=f"is missing, and gpu_pools.{name} stands on it.",
            fix="Add it with the labels and taints that its nodes carry.",
        )
    notice = facts.notice
    if wanted.capacity == "spot" and notice is None:
        return Finding(
            rule=UNKNOWN_POOL_FACTS,
            at=setting(f"cluster.pools.{name}.notice"),
            what=f"is missing, and gpu_pools.{name} is spot: how a pod leaves depends on it.",
            fix="Add how long a node of it warns before it is reclaimed, such as 30s.",
        )
    return _Nodes(
        machine=None,
        room=(Cpu.parse(facts.cpu), Memory.parse(facts.memory)) if facts.cpu and facts.memory else None,
        labels=dict(facts.labels),
        taints=tuple(PoolTaint(key=taint.key, value=taint.value, effect=taint.effect) for taint in facts.taints),
        notice=Notice(seconds=notice.millis // 1000, source=f"cluster.pools.{name}.notice") if notice else None,
        zones=tuple(facts.zones),
        boot_seconds=Derived(cluster.node_boot.seconds, "cluster.node_boot says so"),
    )
