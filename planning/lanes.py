"""Lanes: an on-demand floor and, above it, spot.

One Deployment with one autoscaler cannot keep a floor on on-demand nodes: the scheduler spreads its pods over
whatever is there, and when spot goes it takes the floor along. So a server is planned as lanes, a Deployment
and a scaler each, behind one Service, one PodDisruptionBudget and one statement of replicas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planning.catalogue.machines import Capacity
from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.pools import Pool
from planning.proxy import beside_proxy
from planning.repository.suggestion import did_you_mean
from planning.settings.quantities import Memory
from planning.settings.servers import NvidiaGpu, Replicas, Triton

MIB = 2**20

CEILING_UNDER_FLOOR = Rule("TU110", Severity.ERROR, "A server's ceiling is not below its floor")
UNKNOWN_POOL = Rule("TU111", Severity.ERROR, "A server runs on pools that the stack file has")
MPS_ALL_OR_NONE = Rule("TU306", Severity.ERROR, "The pools of a lane share their GPUs by MPS all, or none does")
FLOOR_ON_SPOT = Rule("TU311", Severity.WARNING, "A floor stands on on-demand nodes")
FLOOR_ON_SPOT_WITH_SLO = Rule("TU312", Severity.ERROR, "A promised availability does not stand on spot nodes alone")
SPOT_UNUSED = Rule("TU313", Severity.WARNING, "Spot pools of a server are used")
TOO_MANY_GPUS = Rule("TU315", Severity.ERROR, "A pod's GPUs are on one node")
DOES_NOT_FIT_NODE = Rule("TU316", Severity.ERROR, "A pod's processors and memory are on one node")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """`name` is `floor` or `spot`, and the Deployment is named `<server>-<name>`. `minimum` and `maximum` bound
    its replicas; where they are equal the lane is not scaled."""

    name: str
    deployment: str
    capacity: Capacity
    pools: tuple[Pool, ...]
    minimum: Derived[int]
    maximum: Derived[int]

    @property
    def scaled(self) -> bool:
        return self.minimum.value < self.maximum.value

    @property
    def by_mps(self) -> bool:
        """Whether its pods share GPUs by MPS: on all of its pools then."""
        return any(pool.by_mps for pool in self.pools)


def plan_lanes(name: str, server: Triton, pools: Mapping[str, Pool]) -> tuple[tuple[Lane, ...], tuple[Finding, ...]]:
    """The lanes of server `name` on those of `pools` that could be planned."""
    replicas = server.replicas
    if replicas.ceiling < replicas.floor:
        return (), (
            Finding(
                rule=CEILING_UNDER_FLOOR,
                at=setting(f"servers.{name}.replicas.ceiling"),
                what=f"{replicas.ceiling} is below the floor of {replicas.floor}.",
                fix=f"Write {replicas.floor} or more; the same as the floor turns scaling off.",
            ),
        )
    if not isinstance(server.gpu, NvidiaGpu):
        return (_lane(name, "floor", "on-demand", (), *_all(replicas, "nodes without GPUs carry it")),), ()
    chosen = tuple(pools[pool] for pool in server.gpu.pools if pool in pools)
    lanes, findings = _on_pools(name, replicas, chosen, server)
    return lanes, (*findings, *_room(name, server, server.gpu, chosen), *_mps(name, lanes))


def _lane(
    server: str,
    name: str,
    capacity: Capacity,
    pools: Sequence[Pool],
    minimum: Derived[int],
    maximum: Derived[int],
) -> Lane:
    return Lane(
        name=name,
        deployment=f"{server}-{name}",
        capacity=capacity,
        pools=tuple(pools),
        minimum=minimum,
        maximum=maximum,
    )


def _all(replicas: Replicas, why: str) -> tuple[Derived[int], Derived[int]]:
    return (
        Derived(replicas.floor, f"replicas.floor says so, and {why}"),
        Derived(replicas.ceiling, f"replicas.ceiling says so, and {why}"),
    )


def _on_pools(
    name: str, replicas: Replicas, pools: Sequence[Pool], server: Triton
) -> tuple[tuple[Lane, ...], tuple[Finding, ...]]:
    steady = [pool for pool in pools if pool.capacity == "on-demand"]
    spot = [pool for pool in pools if pool.capacity == "spot"]
    if not steady:
        if not spot:
            return (), ()  # what keeps the pools from being planned is a finding of its own
        lane = _lane(name, "spot", "spot", spot, *_all(replicas, "it has spot pools only"))
        return (lane,), (_floor_on_spot(name, server, spot),)
    if not spot:
        return (_lane(name, "floor", "on-demand", steady, *_all(replicas, "it has on-demand pools only")),), ()
    floor = Derived(replicas.floor, "replicas.floor stands on on-demand nodes, which are not reclaimed")
    carrying = _lane(name, "floor", "on-demand", steady, floor, floor)
    above = replicas.ceiling - replicas.floor
    if above == 0:
        unused = ", ".join(repr(pool.name) for pool in spot)
        return (carrying,), (
            Finding(
                rule=SPOT_UNUSED,
                at=setting(f"servers.{name}.replicas.ceiling"),
                what=f"{replicas.ceiling} equals the floor, so the spot pools {unused} carry nothing.",
                fix="Raise the ceiling, or take the spot pools off this server.",
            ),
        )
    least = Derived(1, "a HorizontalPodAutoscaler cannot start from 0, so one pod keeps the lane measurable")
    most = Derived(above, f"the ceiling of {replicas.ceiling} less the floor of {replicas.floor}")
    return (carrying, _lane(name, "spot", "spot", spot, least, most)), ()


def _floor_on_spot(name: str, server: Triton, spot: Sequence[Pool]) -> Finding:
    names = ", ".join(repr(pool.name) for pool in spot)
    availability = server.slo.availability
    return Finding(
        rule=FLOOR_ON_SPOT if availability is None else FLOOR_ON_SPOT_WITH_SLO,
        at=setting(f"servers.{name}.gpu.pools"),
        what=f"{names} can be reclaimed all at once, and the floor of {server.replicas.floor} stands on nothing else"
        + (f", while slo.availability promises {availability:g} %." if availability is not None else "."),
        fix="Add an on-demand pool for the floor"
        + (
            ", or take slo.availability back."
            if availability is not None
            else ", or accept this warning with a reason."
        ),
    )


def _mps(name: str, lanes: Sequence[Lane]) -> Iterator[Finding]:
    """A pod has its own /dev/shm or that of its node's control daemon, before it is known where it will be."""
    for lane in lanes:
        by_mps = [repr(pool.name) for pool in lane.pools if pool.by_mps]
        others = [repr(pool.name) for pool in lane.pools if not pool.by_mps]
        if by_mps and others:
            yield Finding(
                rule=MPS_ALL_OR_NONE,
                at=setting(f"servers.{name}.gpu.pools"),
                what=f"{', '.join(by_mps)} shares GPUs by MPS and {', '.join(others)} does not: a pod of"
                f" {lane.deployment} would have the wrong /dev/shm on one of them.",
                fix="Share the GPUs of all these pools by `mps`, or of none.",
            )


def _room(name: str, server: Triton, gpu: NvidiaGpu, pools: Sequence[Pool]) -> tuple[Finding, ...]:
    """One pod on one node of every pool that it may run on."""
    findings: list[Finding] = []
    for pool in pools:
        if gpu.count > (most := pool.slots if pool.whole else 1):
            findings.append(
                Finding(
                    rule=TOO_MANY_GPUS,
                    at=setting(f"servers.{name}.gpu.count"),
                    what=f"{gpu.count} is more than the {most} that a node of {pool.name!r} has."
                    if pool.whole
                    else f"{gpu.count} is more than the one share of a GPU that a pod can have of {pool.name!r}, whose"
                    " GPUs are shared.",
                    fix=f"Write at most {most}, or raise gpu_pools.{pool.name}.gpus_per_node."
                    if pool.whole
                    else f"Write 1, or take {pool.name!r} off this server.",
                )
            )
        if pool.room is None:
            continue
        machine = pool.machine.value.name if pool.machine else "a node"
        cpu, memory = beside_proxy(*pool.room)
        memory = Memory(memory.bytes // MIB * MIB)
        wanted = server.resources
        for field, asked, room, fits in (
            ("cpu", wanted.cpu, cpu, wanted.cpu <= cpu),
            ("memory", wanted.memory, memory, wanted.memory <= memory),
        ):
            if not fits:
                findings.append(
                    Finding(
                        rule=DOES_NOT_FIT_NODE,
                        at=setting(f"servers.{name}.resources.{field}"),
                        what=f"{asked} does not fit on a node of {pool.name!r}: {machine} leaves Triton {room}.",
                        fix=f"Write at most {room}, or take {pool.name!r} off this server.",
                    )
                )
    return tuple(findings)


def unknown_pools(name: str, server: Triton, declared: Sequence[str]) -> tuple[Finding, ...]:
    """Pools that the server names and the stack file does not have."""
    if not isinstance(server.gpu, NvidiaGpu):
        return ()
    return tuple(
        Finding(
            rule=UNKNOWN_POOL,
            at=setting(f"servers.{name}.gpu.pools[{index}]"),
            what=f"{pool!r} is not one of gpu_pools.",
            fix=f"{did_you_mean(pool, declared)}Write one of: {', '.join(declared)}."
            if declared
            else "Declare it under gpu_pools.",
        )
        for index, pool in enumerate(server.gpu.pools)
        if pool not in declared
    )
