"""How many nodes the lanes need: at rest, when every lane has its fewest pods, and when every lane has its most.

`nodes.min` and `nodes.max` of a pool only bound what an autoscaler may do. What is paid for at rest is what the
pods that always run ask for, which may be more than the minimum.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
class _Asked:
    """Pods of `name`, of the size of those of `server`, on `pools`. `apart`: over zones, come what may."""

    name: str
    server: PlannedServer
    pools: tuple[Pool, ...]
    apart: bool
    pods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    asked: _Asked
    pods: int


def plan_nodes(pools: Sequence[Pool], servers: Sequence[PlannedServer]) -> Mapping[str, PoolNodes]:
    """By pool. A lane that may use several pools is counted on the first that has room, in the stack file's
    order. Head-room is there at rest; at its ceiling a server has grown into it."""
    at_rest = _placed(pools, [*_lanes(servers, lambda lane: lane.lane.minimum.value), *(_headroom(servers))])
    at_ceilings = _placed(pools, _lanes(servers, lambda lane: lane.lane.maximum.value))
    return {
        pool.name: PoolNodes(
            at_rest=_bounded(pool, at_rest[pool.name]), at_ceilings=_needed(pool, at_ceilings[pool.name])
        )
        for pool in pools
    }


def _lanes(servers: Sequence[PlannedServer], pods_of: Callable[[PlannedLane], int]) -> Iterator[_Asked]:
    for server in servers:
        for lane in server.lanes:
            yield _Asked(
                name=lane.lane.deployment,
                server=server,
                pools=lane.lane.pools,
                apart=lane.over_zones.value is Spread.REQUIRED,
                pods=pods_of(lane),
            )


def _headroom(servers: Sequence[PlannedServer]) -> Iterator[_Asked]:
    for server in servers:
        if (kept := server.headroom) is not None:
            yield _Asked(name=kept.deployment, server=server, pools=kept.lane.pools, apart=False, pods=kept.pods.value)


def _placed(pools: Sequence[Pool], all_asked: Iterable[_Asked]) -> Mapping[str, Sequence[_Placed]]:
    placed: dict[str, list[_Placed]] = {pool.name: [] for pool in pools}
    for asked in all_asked:
        left = asked.pods
        for pool in asked.pools:
            here = placed[pool.name]
            pods = left if pool is asked.pools[-1] else _fitting(pool, here, asked, left)
            if pods:
                here.append(_Placed(asked=asked, pods=pods))
            left -= pods
    return placed


def _fitting(pool: Pool, here: Sequence[_Placed], asked: _Asked, pods: int) -> int:
    """How many of `pods` more the pool's nodes hold."""

    def nodes(more: int) -> int:
        return _needed(pool, [*here, _Placed(asked=asked, pods=more)]).value

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
    asked = f"{counted(pods, 'pod')} of {listed([here.asked.name for here in placed])}"
    shares = sum(here.pods * here.asked.server.gpus for here in placed)
    bounds = [
        Derived(-(-shares // pool.slots), f"{asked} need {counted(shares, 'GPU share')}, and a node has {pool.slots}")
    ]
    if pool.room is not None:
        cpu, memory = pool.room
        more_cpu = sum(here.pods * here.asked.server.pod[0].millis for here in placed)
        more_memory = sum(here.pods * here.asked.server.pod[1].bytes for here in placed)
        bounds.append(Derived(-(-more_cpu // cpu.millis), f"{asked} request more CPU than fewer nodes have"))
        bounds.append(Derived(-(-more_memory // memory.bytes), f"{asked} request more memory than fewer nodes have"))
    for here in placed:
        name, server = here.asked.name, here.asked.server
        each = pool.pods_of_a_node(server.gpus, *server.pod)
        if each:
            bounds.append(Derived(-(-here.pods // each), f"a node holds {counted(each, 'pod')} of {name}"))
        if here.asked.apart:
            apart = min(here.pods, len(pool.zones))
            bounds.append(Derived(apart, f"{name} stands in {counted(apart, 'zone')}"))
    return max(bounds, key=lambda derived: derived.value)
