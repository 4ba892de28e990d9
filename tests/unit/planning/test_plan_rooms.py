"""Pools hold what is promised on them, and a rollout never waits for a place that does not come."""

from __future__ import annotations

import re
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from planning.crowding import crowds
from planning.plan import Plan
from planning.pools import Pool
from planning.server import PlannedLane, PlannedServer
from tests.unit.planning.drawn_stacks import for_every_kind_of_stack, for_every_stack
from tests.unit.planning.world import Raw, edited, ids, planned, planned_with, vision

PLACES = "pqrs"


def subsets(names: list[str]) -> list[tuple[str, ...]]:
    return [chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size)]


@st.composite
def bazaars(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, list[str]], dict[str, int]]:
    askers = [f"asker-{index}" for index in range(draw(st.integers(1, 5)))]
    asked = {asker: draw(st.integers(0, 9)) for asker in askers}
    reach = {asker: sorted(draw(st.sets(st.sampled_from(PLACES), min_size=1))) for asker in askers}
    return asked, reach, {place: draw(st.integers(0, 9)) for place in PLACES}


@given(bazaars())
def test_everybody_is_served_exactly_where_no_group_asks_for_more_than_all_places_that_it_may_go_to(
    bazaar: tuple[dict[str, int], dict[str, list[str]], dict[str, int]],
) -> None:
    """Hall's theorem, tried group by group."""
    asked, reach, held = bazaar
    short = [
        group
        for group in subsets(list(asked))
        if sum(asked[asker] for asker in group) > sum(held[place] for place in {p for a in group for p in reach[a]})
    ]
    found = crowds(asked, reach, held)
    assert bool(found) == bool(short)
    for group, places in found:
        assert {place for asker in group for place in reach[asker]} == places
        assert sum(asked[asker] for asker in group) > sum(held[place] for place in places)


def lanes_on_pools(of: Plan) -> list[tuple[PlannedServer, PlannedLane]]:
    return [(server, lane) for server in of.servers for lane in server.lanes if lane.lane.pools]


def pods_on(pool: Pool, server: PlannedServer) -> int:
    """By hand: whole pods on one node."""
    count = 0
    while (count + 1) * server.gpus <= pool.slots and (
        pool.room is None
        or (
            (count + 1) * server.cpu.millis <= pool.room[0].millis
            and (count + 1) * server.memory.bytes <= pool.room[1].bytes
        )
    ):
        count += 1
    return count


@for_every_kind_of_stack
def test_without_errors_the_nodes_of_a_lane_hold_all_of_its_pods(raw: Raw) -> None:
    made = planned(raw)
    if made.errors:
        return
    for server, lane in lanes_on_pools(made):
        assert all(pods_on(pool, server) >= 1 for pool in lane.lane.pools)
        assert all(pool.whole or server.gpus == 1 for pool in lane.lane.pools)
        places = sum(pool.max_nodes * pods_on(pool, server) for pool in lane.lane.pools)
        assert places >= lane.lane.maximum.value


@for_every_kind_of_stack
def test_without_errors_every_lane_at_its_greatest_and_every_rollout_at_once_fit_into_the_pools(raw: Raw) -> None:
    made = planned(raw)
    if made.errors:
        return
    lanes = lanes_on_pools(made)
    for group in subsets([lane.lane.deployment for _, lane in lanes]):
        mine = [(server, lane) for server, lane in lanes if lane.lane.deployment in group]
        pools = {pool.name: pool for _, lane in mine for pool in lane.lane.pools}.values()
        shares = sum((lane.lane.maximum.value + lane.rollout.max_surge.value) * server.gpus for server, lane in mine)
        assert shares <= sum(pool.max_slots for pool in pools)


@for_every_stack
def test_the_numbers_of_nodes_that_refusals_ask_for_are_enough(raw: Raw) -> None:
    asked: dict[str, int] = {}
    for finding in planned(raw).errors:
        if finding.rule.id == "TU314":
            enough = re.match(r"Write (\d+) or more", finding.fix)
            assert enough
            asked[finding.at.field] = max(int(enough[1]), asked.get(finding.at.field, 0))
    if asked:
        assert "TU314" not in ids(planned(edited(asked, raw)).errors)


def test_two_shares_on_nodes_of_three_leave_one_that_no_pod_can_have() -> None:
    """6 shares on 2 nodes are not 3 pods of 2."""
    mig = {"kind": "mig", "profile": "2g.20gb"}  # three of a GPU
    made = planned_with(
        {
            "gpu_pools.steady": {
                "gpu": "nvidia-a100-80gb",
                "capacity": "on-demand",
                "sharing": mig,
                "nodes": {"max": 2},
            },
            "servers.vision.gpu": {"kind": "nvidia", "pools": ["steady"], "count": 2},
            "servers.vision.replicas": {"floor": 3, "ceiling": 3},
        }
    )
    assert ids(made.errors) == ["TU314"]
    assert made.errors[0].fix.startswith("Write 3 or more")


def test_a_share_that_no_pod_has_the_memory_for_is_no_place() -> None:
    made = planned_with(
        {
            "gpu_pools.steady.sharing": {"kind": "time-slicing", "pods": 4},
            "gpu_pools.steady.nodes.max": 1,
            "servers.vision.gpu.pools": ["steady"],
            "servers.vision.resources.memory": "30Gi",  # a node leaves pods 64Gi
            "servers.vision.replicas": {"floor": 3, "ceiling": 3},
        }
    )
    assert ids(made.errors) == ["TU314"]
    assert "hold 2 pods" in made.errors[0].what


def two_servers(nodes: int) -> Plan:
    first = edited({})["servers"]["vision"]
    own = {**first, "gpu": {"kind": "nvidia", "pools": ["steady"]}, "replicas": {"floor": 2, "ceiling": 2}}
    return planned_with({"servers": {"vision": own, "text": own}, "gpu_pools.steady.nodes.max": nodes})


def test_two_servers_that_fill_a_pool_together_do_not_both_wait_for_a_place_to_roll_in() -> None:
    surges = {
        nodes: [lane.rollout.max_surge.value for _, lane in lanes_on_pools(two_servers(nodes))] for nodes in (4, 5, 6)
    }
    assert surges == {4: [0, 0], 5: [1, 0], 6: [1, 1]}


def test_servers_that_share_pools_in_a_chain_are_seen_to_crowd_them() -> None:
    """x and y may go to a and b, and to b and c; a free d that only z may go to helps neither."""
    pools = {name: {"gpu": "nvidia-l4", "capacity": "on-demand", "nodes": {"max": 1}} for name in "abc"}
    pools["d"] = {**pools["a"], "nodes": {"max": 5}}
    server = edited({})["servers"]["vision"]

    def on(*names: str, count: int) -> Raw:
        return {
            **server,
            "gpu": {"kind": "nvidia", "pools": list(names)},
            "replicas": {"floor": count, "ceiling": count},
        }

    made = planned_with(
        {
            "gpu_pools": pools,
            "cluster.pools": {name: {"labels": {"pool": name}} for name in pools},
            "servers": {"x": on("a", "b", count=2), "y": on("b", "c", count=2), "z": on("c", "d", count=1)},
        }
    )
    full = [finding for finding in made.errors if finding.rule.id == "TU314"]
    assert [finding.what for finding in full] == [
        "'a' and 'b' and 'c' give pods 3 GPU shares at the most; the ceilings of 'x' and 'y' ask for 4 GPU shares"
        " there."
    ]


def test_a_lone_pod_without_a_place_for_its_successor_is_warned_of() -> None:
    tight = {
        "servers.vision.gpu.pools": ["steady"],
        "servers.vision.replicas": {"floor": 1, "ceiling": 1},
        "gpu_pools.steady.nodes.max": 1,
    }
    assert ids(planned_with(tight).findings) == ["TU321", "TU322"]
    assert ids(planned_with({**tight, "gpu_pools.steady.nodes.max": 2}).findings) == ["TU321"]
    assert vision(planned_with(tight)).lanes[0].rollout.max_unavailable.value == 1
