"""Which machine of a cloud carries a pool that this program makes, and what it leaves for pods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planning.catalogue import Catalogue
from planning.catalogue.machines import MachineType, allocatable
from planning.clusters.block import at
from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.proxy import with_proxy
from planning.repository.suggestion import did_you_mean
from planning.settings.cluster import Eks, Gke, described
from planning.settings.pools import GpuPool
from planning.settings.quantities import Cpu, Memory
from planning.settings.root import Settings

NODE_AGENTS = (Cpu(500), Memory(2**30))
"""Kept free on each GPU node for DaemonSets: CNI, kube-proxy, logging, device plugin, DCGM exporter. An
allowance of ours; GKE's and EKS's own add-ons request less than this."""

NO_SUCH_MACHINE = Rule("TU302", Severity.ERROR, "A pool's machine carries the pool's GPUs")
NO_MACHINE = Rule("TU303", Severity.ERROR, "Some machine of the cloud carries the pool's GPUs")


def machine_of(
    name: str, wanted: GpuPool, slots: int, cluster: Gke | Eks, settings: Settings, catalogue: Catalogue
) -> Derived[MachineType] | Finding:
    """What the cluster's block names for pool `name`, or the smallest that will do. `slots`: pods that have a GPU of a
    node."""
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
            at=at(settings, f"machines.{name}"),
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


def room_on(machine: MachineType) -> tuple[Cpu, Memory]:
    """What the pods of a node of `machine` can request."""
    whole = allocatable(machine)
    cpu, memory = NODE_AGENTS
    return Cpu(whole.cpu_milli - cpu.millis), Memory(whole.memory_bytes - memory.bytes)


def machines_of_no_pool(settings: Settings) -> Iterator[Finding]:
    """What the cluster's block names a machine for, and is no pool."""
    cluster = described(settings.cluster)
    for name in cluster.machines if isinstance(cluster, Gke | Eks) else ():
        if name not in settings.gpu_pools:
            yield Finding(
                rule=NO_SUCH_MACHINE,
                at=at(settings, f"machines.{name}"),
                what=f"{name!r} is not one of gpu_pools, so no node is made of that machine.",
                fix=did_you_mean(name, settings.gpu_pools)
                + (f"Pools are: {', '.join(settings.gpu_pools)}." if settings.gpu_pools else "Take it out."),
            )
