"""Whether the pools hold the pods of all servers together, and which lanes have a place left to roll in.

Every lane is looked at alone, node by node, and all lanes together, resource by resource, since servers share
pools. Pods of very unlike sizes may still not fit on the nodes that they share: how a scheduler packs them is not
simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from planning.crowding import Crowd, crowds
from planning.findings import Finding, Rule, Severity, setting
from planning.lanes import Lane
from planning.pools import Pool
from planning.settings.quantities import Cpu, Memory

POOL_FULL = Rule("TU314", Severity.ERROR, "Pools have room for the ceilings of their servers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A lane on GPU pools, with what each of its pods asks for. `gpus` counts shares."""

    server: str
    lane: Lane
    gpus: int
    cpu: Cpu
    memory: Memory

    @property
    def name(self) -> str:
        return self.lane.deployment

    def on_a_node(self, pool: Pool) -> int:
        return pool.pods_of_a_node(self.gpus, self.cpu, self.memory)

    @property
    def places(self) -> int:
        """Pods of this lane that its pools hold where there are no others."""
        return sum(pool.max_nodes * self.on_a_node(pool) for pool in self.lane.pools)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resource:
    """What pods ask for and nodes have; `of_node` is None where it is not known."""

    of_pod: Callable[[Demand], int]
    of_node: Callable[[Pool], int | None]
    written: Callable[[int], str]

    def crowds(self, demands: Sequence[Demand], pods: Mapping[str, int]) -> tuple[Crowd, ...]:
        asked = {demand.name: pods[demand.name] * self.of_pod(demand) for demand in demands}
        held = {
            pool.name: sum(asked.values()) if (size := self.of_node(pool)) is None else size * pool.max_nodes
            for pool in _pools(demands).values()
        }
        return crowds(asked, {demand.name: [pool.name for pool in demand.lane.pools] for demand in demands}, held)


_RESOURCES = (
    _Resource(
        of_pod=lambda demand: demand.gpus,
        of_node=lambda pool: pool.slots,
        written=lambda amount: f"{amount} GPU shares",
    ),
    _Resource(
        of_pod=lambda demand: demand.cpu.millis,
        of_node=lambda pool: pool.room[0].millis if pool.room else None,
        written=lambda amount: f"{Cpu(amount)} CPU",
    ),
    _Resource(
        of_pod=lambda demand: demand.memory.bytes,
        of_node=lambda pool: pool.room[1].bytes if pool.room else None,
        written=lambda amount: Memory(amount).readable(),
    ),
)


def check_rooms(demands: Sequence[Demand]) -> tuple[Finding, ...]:
    """The pools that are too small for what is asked of them when every lane has its greatest number of pods."""
    return (*(finding for demand in demands for finding in _alone(demand)), *_together(demands))


def with_spare_place(demands: Sequence[Demand]) -> frozenset[str]:
    """The deployments that can have one pod more while they are rolled out, all of them at the same time and with
    every lane at its greatest. Where not even those fit, which is a finding of its own: all."""
    pods = _greatest(demands)
    if not _fit(demands, pods):
        return frozenset(pods)
    spare: set[str] = set()
    for name in pods:
        more = pods | {name: pods[name] + 1}
        if _fit(demands, more):
            pods = more
            spare.add(name)
    return frozenset(spare)


def _greatest(demands: Sequence[Demand]) -> dict[str, int]:
    return {demand.name: demand.lane.maximum.value for demand in demands}


def _pools(demands: Sequence[Demand]) -> Mapping[str, Pool]:
    return {pool.name: pool for demand in demands for pool in demand.lane.pools}


def _fit(demands: Sequence[Demand], pods: Mapping[str, int]) -> bool:
    if any(pods[demand.name] > demand.places for demand in demands):
        return False
    return not any(resource.crowds(demands, pods) for resource in _RESOURCES)


def _alone(demand: Demand) -> Iterator[Finding]:
    wanted, pools = demand.lane.maximum.value, demand.lane.pools
    usable = sorted((pool for pool in pools if demand.on_a_node(pool)), key=lambda pool: pool.name)
    if wanted <= demand.places or not usable:  # a pod that is too big for every node has a finding of its own
        return
    nodes = " and ".join(f"{pool.max_nodes} of {pool.name!r} with {demand.on_a_node(pool)} each" for pool in pools)
    enough = usable[0].max_nodes + _times(wanted - demand.places, demand.on_a_node(usable[0]))
    yield Finding(
        rule=POOL_FULL,
        at=setting(f"gpu_pools.{usable[0].name}.nodes.max"),
        what=f"The nodes hold {demand.places} pods of {demand.name!r} at the most ({nodes}), which may have {wanted}.",
        fix=f"Write {enough} or more, or lower servers.{demand.server}.replicas.ceiling.",
    )


def _together(demands: Sequence[Demand]) -> Iterator[Finding]:
    pools, pods = _pools(demands), _greatest(demands)
    found: dict[frozenset[str], tuple[int, Finding]] = {}
    for resource in _RESOURCES:
        for lanes, crowded in resource.crowds(demands, pods):
            sizes = {name: size for name in sorted(crowded) if (size := resource.of_node(pools[name]))}
            if len(lanes) == 1 or not sizes:
                continue
            mine = [demand for demand in demands if demand.name in lanes]
            asked = sum(pods[demand.name] * resource.of_pod(demand) for demand in mine)
            held = sum(size * pools[name].max_nodes for name, size in sizes.items())
            first, size = next(iter(sizes.items()))
            enough = pools[first].max_nodes + _times(asked - held, size)
            if crowded in found and found[crowded][0] >= enough:
                continue
            servers = dict.fromkeys(repr(demand.server) for demand in mine)
            finding = Finding(
                rule=POOL_FULL,
                at=setting(f"gpu_pools.{first}.nodes.max"),
                what=f"{' and '.join(map(repr, sizes))} give pods {resource.written(held)} at the most; the ceilings"
                f" of {' and '.join(servers)} ask for {resource.written(asked)} there.",
                fix=f"Write {enough} or more, or lower replicas.ceiling of these servers.",
            )
            found[crowded] = enough, finding
    yield from (finding for _, finding in found.values())


def _times(amount: int, size: int) -> int:
    """How many of `size` make `amount`."""
    return -(-amount // size)
