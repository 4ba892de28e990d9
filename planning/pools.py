"""GPU node pools as planned: which machine carries them, what their nodes declare, and what a pod gets there.

Labels are those that the pool itself declares when it is made, because an autoscaler simulates a new node
from the pool's declaration: a label that only appears later keeps the pool from ever starting a node
(Cluster Autoscaler FAQ, "How does scale-up from 0 work"; Karpenter, NodePool `spec.template.metadata`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planning.catalogue import Catalogue
from planning.catalogue.clouds import CloudFacts
from planning.catalogue.gpus import Gpu
from planning.catalogue.machines import Capacity, MachineType, allocatable
from planning.derived import Derived
from planning.findings import Finding, Place, Rule, Severity, setting
from planning.proxy import with_proxy
from planning.repository.suggestion import did_you_mean
from planning.settings.cluster import Eks, Existing, Gke, Local, Reference, described
from planning.settings.controllers import Presence
from planning.settings.pools import GpuPool, Mig, Mps, Sharing, TimeSlicing, Whole
from planning.settings.root import Settings
from planning.settings.scalars import Cpu, Memory
from planning.sharing import Share, plan_share
from planning.zones import offered_zones

POOL_LABEL = "tritonup/pool"
"""Ours, declared by every pool that this program makes, with the pool's name as its value."""

GPU_RESOURCE = "nvidia.com/gpu"
"""What the device plugin advertises. With time-slicing, MPS and MIG (strategy `single`) it counts shares
(NVIDIA k8s-device-plugin README, "Shared Access to GPUs" and `migStrategy`)."""

STARTUP_TAINT = "startup-taint.cluster-autoscaler.kubernetes.io/tritonup-gpu"
"""Every Cluster Autoscaler takes a taint with this prefix for one that goes (kubernetes-sigs/cluster-autoscaler 33c3f97
pkg/utils/taints/taints.go, StartupTaintPrefix). EKS takes keys of 63 characters at most (API Taint)."""

GPU_LABEL_OF_EKS = "k8s.amazonaws.com/accelerator"
"""By this the Cluster Autoscaler knows a node of EKS for one with GPUs, and holds it for coming until one can be
allocated (kubernetes/autoscaler 55c37cd cluster-autoscaler/cloudprovider/aws/aws_cloud_provider.go, GPULabel)."""

COMPUTE_CLASS = "cloud.google.com/compute-class"
"""Label and taint of GKE nodes that belong to a ComputeClass, and what pods select it by
(cloud.google.com/kubernetes-engine/docs/concepts/about-custom-compute-classes)."""

PLUGIN_CONFIG = "nvidia.com/device-plugin.config"
"""By its value a node's device plugin chooses one of the configurations that it was given (k8s-device-plugin README,
"Updating Per-Node Configuration With a Node Label")."""

MIG_CONFIG = "nvidia.com/mig.config"
"""By its value the MIG manager of NVIDIA's GPU operator cuts a node's GPUs; `all-1g.10gb` and its like are in its
default configuration (NVIDIA/mig-parted bd7160f deployments/systemd/config-default.yaml)."""

NODE_AGENTS = (Cpu(500), Memory(2**30))
"""Kept free on each GPU node for DaemonSets: CNI, kube-proxy, logging, device plugin, DCGM exporter. An
allowance of ours; GKE's and EKS's own add-ons request less than this."""

UNKNOWN_POOL_FACTS = Rule("TU301", Severity.ERROR, "An existing cluster describes every pool that is used")
NO_SUCH_MACHINE = Rule("TU302", Severity.ERROR, "A pool's machine carries the pool's GPUs")
NO_MACHINE = Rule("TU303", Severity.ERROR, "Some machine of the cloud carries the pool's GPUs")
NOTICE_TOO_LONG = Rule("TU602", Severity.ERROR, "A reclaimed node's notice is one that the cloud gives")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTaint:
    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """How long a node warns before it is reclaimed, in seconds; `source` says who promises it, `choice` names the
    setting that chooses it, where one does."""

    seconds: int
    source: str
    choice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """`share_bytes`: GPU memory that one share gives. `slots`: shares of one node. `boot_seconds`: from an
    unschedulable pod until a new node's GPU can be used, the image's pull included. `machine` is None where
    the pool is already there. `room`: what the pods of one node can request, None where it is not known.
    `whole`: pods may have several of its GPUs; where GPUs are shared in turns or by MPS, a pod has one share. `by_mps`:
    its pods have the shared memory of their node's control daemon in place of their own.
    `startup_taint`: what nodes carry beside `taints` until all their GPUs can be allocated; no server tolerates it."""

    name: str
    gpu: Gpu
    gpus_per_node: int
    slots: int
    whole: bool
    by_mps: bool
    share_bytes: Derived[int]
    capacity: Capacity
    min_nodes: int
    max_nodes: int
    machine: Derived[MachineType] | None
    room: tuple[Cpu, Memory] | None
    labels: Mapping[str, str]
    taints: tuple[PoolTaint, ...]
    startup_taint: PoolTaint | None
    notice: Notice | None
    zones: tuple[str, ...]
    boot_seconds: Derived[int]

    @property
    def taints_at_first(self) -> tuple[PoolTaint, ...]:
        """Of a node that is new."""
        return self.taints if self.startup_taint is None else (*self.taints, self.startup_taint)

    @property
    def compute_class(self) -> str | None:
        """The ComputeClass of GKE that its nodes belong to: pods must select it to get there."""
        return self.labels.get(COMPUTE_CLASS)

    @property
    def max_slots(self) -> int:
        return self.max_nodes * self.slots

    def pods_of_a_node(self, gpus: int, cpu: Cpu, memory: Memory) -> int:
        """How many pods that ask for so much are on one node at the most."""
        places = [self.slots // gpus]
        if self.room is not None:
            places += [self.room[0].millis // cpu.millis, self.room[1].bytes // memory.bytes]
        return min(places)


def plan_pools(settings: Settings, catalogue: Catalogue) -> tuple[tuple[Pool, ...], tuple[Finding, ...]]:
    """The pools of `settings`, in the order of the stack file. A pool that cannot be is left out, with a
    finding that says why."""
    pools: list[Pool] = []
    findings: list[Finding] = []
    for name, wanted in settings.gpu_pools.items():
        share = plan_share(name, wanted, catalogue, on_gke=_on_gke(settings))
        planned = share if isinstance(share, Finding) else _pool(name, wanted, share, settings, catalogue)
        if isinstance(planned, Finding):
            findings.append(planned)
        else:
            pools.append(planned)
    # One value of the cluster may be wrong for several pools.
    return tuple(pools), tuple(dict.fromkeys([*findings, *_machines_of_no_pool(settings)]))


def _machines_of_no_pool(settings: Settings) -> Iterator[Finding]:
    cluster = _described_by(settings)
    for name in cluster.machines if isinstance(cluster, Gke | Eks) else ():
        if name not in settings.gpu_pools:
            yield Finding(
                rule=NO_SUCH_MACHINE,
                at=_at(settings, f"machines.{name}"),
                what=f"{name!r} is not one of gpu_pools, so no node is made of that machine.",
                fix=did_you_mean(name, settings.gpu_pools)
                + (f"Pools are: {', '.join(settings.gpu_pools)}." if settings.gpu_pools else "Take it out."),
            )


def _described_by(settings: Settings) -> Gke | Eks | Existing | Local:
    """The block that says what the cluster is."""
    return described(settings.cluster)


def _on_gke(settings: Settings) -> bool:
    match _described_by(settings):
        case Gke() | Existing(platform="gke"):
            return True
        case _:
            return False


def _at(settings: Settings, field: str) -> Place:
    """The place of `field` of that block."""
    return setting(f"cluster.{'cluster.' if isinstance(settings.cluster, Reference) else ''}{field}")


def _pool(name: str, wanted: GpuPool, share: Share, settings: Settings, catalogue: Catalogue) -> Pool | Finding:
    cluster = _described_by(settings)
    slots = wanted.gpus_per_node * share.per_gpu
    match cluster:
        case Gke() | Eks():
            return _made(name, wanted, share, slots, cluster, settings, catalogue)
        case Existing():
            return _described(name, wanted, share, slots, cluster, catalogue)
        case Local():
            return Finding(
                rule=UNKNOWN_POOL_FACTS,
                at=setting(f"gpu_pools.{name}"),
                what="A local cluster has no GPUs.",
                fix="Take the pool out, or choose another kind of cluster.",
            )


def _made(
    name: str,
    wanted: GpuPool,
    share: Share,
    slots: int,
    cluster: Gke | Eks,
    settings: Settings,
    catalogue: Catalogue,
) -> Pool | Finding:
    cloud = catalogue.clouds[cluster.kind]
    machine = _machine(name, wanted, slots, cluster, settings, catalogue)
    if isinstance(machine, Finding):
        return machine
    notice = _notice(cluster, cloud, settings) if wanted.capacity == "spot" else None
    if isinstance(notice, Finding):
        return notice
    zones = offered_zones(name, machine.value, cluster, _at(settings, "zones"), catalogue)
    if isinstance(zones, Finding):
        return zones
    whole = allocatable(machine.value)
    of_class = compute_class_of(name, settings)
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
        machine=machine,
        room=(
            Cpu(whole.cpu_milli - NODE_AGENTS[0].millis),
            Memory(whole.memory_bytes - NODE_AGENTS[1].bytes),
        ),
        labels={
            POOL_LABEL: name,
            **({COMPUTE_CLASS: of_class} if of_class else {}),
            **_said_to_nvidia(wanted.sharing, cluster, settings),
        },
        taints=(
            PoolTaint(key=GPU_RESOURCE, value="present", effect="NoSchedule"),
            *((PoolTaint(key=COMPUTE_CLASS, value=of_class, effect="NoSchedule"),) if of_class else ()),
        ),
        startup_taint=_startup_taint(wanted),
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


def compute_class_of(pool: str, settings: Settings) -> str | None:
    """The ComputeClass that `pool` gets on a GKE cluster that is made here: one for all spot pools of the stack that
    something stands in for."""
    cluster = _described_by(settings)
    own = cluster.pools.get(pool) if isinstance(cluster, Gke) else None
    return f"{settings.namespace}-spot" if own is not None and own.without_spot == "on-demand" else None


def _notice(cluster: Gke | Eks, cloud: CloudFacts, settings: Settings) -> Notice | Finding:
    match cluster:
        case Gke(spot_notice=notice):
            if notice.millis > cloud.spot.max_seconds * 1000:
                return Finding(
                    rule=NOTICE_TOO_LONG,
                    at=_at(settings, "spot_notice"),
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


def _described(
    name: str, wanted: GpuPool, share: Share, slots: int, cluster: Existing, catalogue: Catalogue
) -> Pool | Finding:
    facts = cluster.pools.get(name)
    if facts is None:
        return Finding(
            rule=UNKNOWN_POOL_FACTS,
            at=setting(f"cluster.pools.{name}"),
            what=f"is missing, and gpu_pools.{name} stands on it.",
            fix="Add it with the labels and taints that its nodes carry.",
        )
    if wanted.capacity == "spot" and facts.notice is None:
        return Finding(
            rule=UNKNOWN_POOL_FACTS,
            at=setting(f"cluster.pools.{name}.notice"),
            what=f"is missing, and gpu_pools.{name} is spot: how a pod leaves depends on it.",
            fix="Add how long a node of it warns before it is reclaimed, such as 30s.",
        )
    room = (Cpu.parse(facts.cpu), Memory.parse(facts.memory)) if facts.cpu and facts.memory else None
    notice = facts.notice
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
        machine=None,
        room=room,
        labels=dict(facts.labels),
        taints=tuple(PoolTaint(key=taint.key, value=taint.value, effect=taint.effect) for taint in facts.taints),
        startup_taint=_startup_taint(wanted),
        notice=Notice(seconds=notice.millis // 1000, source=f"cluster.pools.{name}.notice") if notice else None,
        zones=tuple(facts.zones),
        boot_seconds=Derived(cluster.node_boot.seconds, "cluster.node_boot says so"),
    )


def _startup_taint(wanted: GpuPool) -> PoolTaint | None:
    return PoolTaint(key=STARTUP_TAINT, value="awaited", effect="NoSchedule") if wanted.startup_taint else None


def _machine(
    name: str, wanted: GpuPool, slots: int, cluster: Gke | Eks, settings: Settings, catalogue: Catalogue
) -> Derived[MachineType] | Finding:
    carrying = catalogue.machines_with(cluster.kind, wanted.gpu, wanted.gpus_per_node, wanted.capacity)
    gpus = f"{wanted.gpus_per_node} x {wanted.gpu}"
    if not carrying:
        counts = sorted(
            {
                machine.gpus
                for machine in catalogue.machines
                if (machine.cloud, machine.gpu) == (cluster.kind, wanted.gpu) and wanted.capacity in machine.capacities
            }
        )
        offered = f"{cluster.kind.upper()} sells it {wanted.capacity} with {', '.join(map(str, counts))} a node"
        return Finding(
            rule=NO_MACHINE,
            at=setting(f"gpu_pools.{name}.gpus_per_node" if counts else f"gpu_pools.{name}.gpu"),
            what=f"No {wanted.capacity} machine of {cluster.kind.upper()} carries {gpus}.",
            fix=f"{offered}." if counts else f"Choose a GPU that {cluster.kind.upper()} sells {wanted.capacity}.",
        )
    if (chosen := cluster.machines.get(name)) is not None:
        for machine in carrying:
            if machine.name == chosen:
                return Derived(machine, f"cluster.machines.{name} names it")
        return Finding(
            rule=NO_SUCH_MACHINE,
            at=_at(settings, f"machines.{name}"),
            what=f"{chosen!r} does not carry {gpus}.",
            fix=f"Write one of: {', '.join(machine.name for machine in carrying)}.",
        )
    return _smallest(name, slots, carrying, settings)


def _smallest(name: str, slots: int, carrying: Sequence[MachineType], settings: Settings) -> Derived[MachineType]:
    """The smallest machine on which a node's worth of the most demanding server fits, or the greatest."""
    ordered = sorted(carrying, key=lambda machine: (machine.vcpus, machine.memory_bytes, machine.name))
    need_cpu, need_memory = NODE_AGENTS[0].millis, NODE_AGENTS[1].bytes
    most_cpu, most_memory = 0, 0
    for server in settings.servers.values():
        if server.gpu.kind == "nvidia" and name in server.gpu.pools:
            pods = slots // server.gpu.count
            cpu, memory = with_proxy(server.resources.cpu, server.resources.memory)
            most_cpu, most_memory = max(most_cpu, pods * cpu.millis), max(most_memory, pods * memory.bytes)
    need_cpu, need_memory = need_cpu + most_cpu, need_memory + most_memory
    for machine in ordered:
        room = allocatable(machine)
        if room.cpu_milli >= need_cpu and room.memory_bytes >= need_memory:
            return Derived(
                machine,
                f"it is the smallest with {machine.gpus} x {machine.gpu} on which a node's pods fit: they and the"
                f" node's agents request {Cpu(need_cpu)} CPU and {Memory(need_memory).readable()}",
            )
    return Derived(ordered[-1], f"it is the greatest with {ordered[-1].gpus} x {ordered[-1].gpu}")


def boot_of_cpu_nodes(settings: Settings) -> Derived[int]:
    """Seconds that a new node without a GPU takes. 300 s: twice what GKE and EKS document as usual."""
    if isinstance(settings.cluster, Local):
        return Derived(0, "the machine is there")
    return Derived(300, "a new node without a GPU takes up to 300 s (an allowance)")
