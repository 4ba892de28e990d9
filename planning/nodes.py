"""How many nodes the lanes need: at rest, when every lane has its fewest pods, and when every lane has its most.

`nodes.min` and `nodes.max` of a pool only bound what an autoscaler may do. What is paid for at rest is what the
pods that always run ask for, which may be more than the minimum.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.disruption import Spread
from planning.pools import Pool
from planning.server import PlannedLane, PlannedServer
from planning.wording import counted, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolNodes:
    """Of one pool, the least that the pods' requests and their spread over zones allow: how a scheduler packs
    pods is not known beforehand."""

    at_rest: Derived[int]
    at_ceilings: Derived[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    server: PlannedServer
    lane: PlannedLane
    pods: int


def plan_nodes(pools: Sequence[Pool], servers: Sequence[PlannedServer]) -> Mapping[str, PoolNodes]:
    """By pool. A lane that may use several pools is counted on the first that has room, in the stack file's
    order."""
    at_rest = _placed(pools, servers, lambda lane: lane.lane.minimum.value)
    at_ceilings = _placed(pools, servers, lambda lane: lane.lane.maximum.value)
    return {
        pool.name: PoolNodes(
            at_rest=_bounded(pool, at_rest[pool.name]), at_ceilings=_needed(pool, at_ceilings[pool.name])
        )
        for pool in pools
    }


def _placed(
    pools: Sequence[Pool], servers: Sequence[PlannedServer], pods_of: Callable[[PlannedLane], int]
) -> Mapping[str, Sequence[_Placed]]:
    placed: dict[str, list[_Placed]] = {pool.name: [] for pool in pools}
    for server in servers:
        for lane in server.lanes:
            left = pods_of(lane)
            for pool in lane.lane.pools:
                here = placed[pool.name]
                pods = left if pool is lane.lane.pools[-1] else _fitting(pool, here, server, lane, left)
                if pods:
                    here.append(_Placed(server=server, lane=lane, pods=pods))
                left -= pods
    return placed


def _fitting(pool: Pool, here: Sequence[_Placed], server: PlannedServer, lane: PlannedLane, pods: int) -> int:
    """How many of `pods` more the pool's nodes hold."""

    def nodes(more: int) -> int:
        return _needed(pool, [*here, _Placed(server=server, lane=lane, pods=more)]).value

    return max(0, bisect_right(range(pods + 1), pool.max_nodes, key=nodes) - 1)


def _bounded(pool: Pool, placed: Sequence[_Placed]) -> Derived[int]:
    needed = _needed(pool, placed)
    if needed.value > pool.max_nodes:
        return Derived(pool.max_nodes, f"gpu_pools.{pool.name}.nodes.max allows no more, but {needed.because}")
    if needed.value < pool.min_nodes:
        return Derived(pool.min_nodes, f"gpu_pools.{pool.name}.nodes.min says so")
    return needed


def _needed(pool: Pool, placed: Sequence[_Placed]) -> Derived[int]:
    """The strictest of what shares, processors, memory and zones ask for."""
    pods = sum(here.pods for here in placed)
    if pods == 0:
        return Derived(0, "no pod is counted on it")
    asked = f"{counted(pods, 'pod')} of {listed([here.lane.lane.deployment for here in placed])}"
    shares = sum(here.pods * here.server.gpus for here in placed)
    bounds = [
        Derived(-(-shares // pool.slots), f"{asked} need {counted(shares, 'GPU share')}, and a node has {pool.slots}")
    ]
    if pool.room is not None:
        cpu, memory = pool.room
        more_cpu = sum(here.pods * here.server.pod[0].millis for here in placed)
        more_memory = sum(here.pods * here.server.pod[1].bytes for here in placed)
        bounds.append(Derived(-(-more_cpu // cpu.millis), f"{asked} request more CPU than fewer nodes have"))
        bounds.append(Derived(-(-more_memory // memory.bytes), f"{asked} request more memory than fewer nodes have"))
    for here in placed:
        name, server = here.lane.lane.deployment, here.server
        each = pool.pods_of_a_node(server.gpus, *server.pod)
        if each:
            bounds.append(Derived(-(-here.pods // each), f"a node holds {counted(each, 'pod')} of {name}"))
        if here.lane.over_zones.value is Spread.REQUIRED:
            apart = min(here.pods, len(pool.zones))
            bounds.append(Derived(apart, f"{name} stands in {counted(apart, 'zone')}"))
    return max(bounds, key=lambda derived: derived.value)
