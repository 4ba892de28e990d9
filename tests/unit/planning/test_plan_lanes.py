"""Lanes: the floor is never on capacity that is taken away, and the ceiling is never passed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.server import PlannedServer
from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import BOUND, GONE, Raw, edited, ids, planned, planned_with, vision


def bounds(server: PlannedServer) -> list[tuple[str, int, int]]:
    return [(each.lane.name, each.lane.minimum.value, each.lane.maximum.value) for each in server.lanes]


@for_every_stack
def test_lanes_share_out_the_ceiling_and_keep_the_floor(raw: Raw) -> None:
    for server in planned(raw).servers:
        replicas = raw["servers"][server.name]["replicas"]
        lanes = [each.lane for each in server.lanes]
        assert sum(lane.maximum.value for lane in lanes) == replicas["ceiling"]
        assert sum(lane.minimum.value for lane in lanes) >= replicas["floor"]
        assert all(1 <= lane.minimum.value <= lane.maximum.value for lane in lanes)


@for_every_stack
def test_the_floor_never_stands_on_capacity_that_is_reclaimed_where_there_is_other(raw: Raw) -> None:
    for server in planned(raw).servers:
        steady = [lane.lane for lane in server.lanes if lane.lane.capacity == "on-demand"]
        assert all(pool.capacity == lane.lane.capacity for lane in server.lanes for pool in lane.lane.pools)
        mixed = {pool.capacity for lane in server.lanes for pool in lane.lane.pools} == {"on-demand", "spot"}
        if mixed:
            assert sum(lane.minimum.value for lane in steady) >= raw["servers"][server.name]["replicas"]["floor"]


@for_every_stack
def test_a_server_has_a_lane_of_each_capacity_at_most_and_uses_only_its_own_pools(raw: Raw) -> None:
    for server in planned(raw).servers:
        capacities = [lane.lane.capacity for lane in server.lanes]
        assert len(set(capacities)) == len(capacities)
        named = raw["servers"][server.name]["gpu"].get("pools", [])
        assert {pool.name for lane in server.lanes for pool in lane.lane.pools} <= set(named)


@for_every_stack
def test_a_server_is_scaled_exactly_where_its_least_is_below_its_ceiling(raw: Raw) -> None:
    for server in planned(raw).servers:
        replicas = raw["servers"][server.name]["replicas"]
        scaled = [lane for lane in server.lanes if lane.lane.scaled]
        least = sum(lane.lane.minimum.value for lane in server.lanes)
        assert bool(scaled) == (least < replicas["ceiling"])
        assert not (scaled and replicas["floor"] == replicas["ceiling"])
        for lane in server.lanes:
            assert (lane.scaling.target is not None) == lane.lane.scaled


@given(floor=st.integers(1, 20), above=st.integers(0, 20))
def test_a_floor_on_demand_is_fixed_and_spot_carries_what_is_above(floor: int, above: int) -> None:
    made = vision(
        planned_with(
            {
                "servers.vision.replicas": {"floor": floor, "ceiling": floor + above},
                "gpu_pools.steady.nodes.max": 50,
                "gpu_pools.cheap.nodes.max": 50,
            }
        )
    )
    spot = [("spot", 1, above)] if above else []
    assert bounds(made) == [("floor", floor, floor), *spot]


@pytest.mark.parametrize(("pool", "lane"), [("steady", "floor"), ("cheap", "spot")])
def test_pools_of_one_capacity_make_one_lane_of_the_whole_range(pool: str, lane: str) -> None:
    made = vision(planned_with({"servers.vision.gpu.pools": [pool]}))
    assert bounds(made) == [(lane, 2, 4)]


def test_a_server_without_a_gpu_has_one_lane_and_no_pool() -> None:
    made = vision(planned_with({"servers.vision.gpu": {"kind": "none"}}))
    assert bounds(made) == [("floor", 2, 4)]
    assert (made.lanes[0].lane.pools, made.gpus, made.needs.gpu) == ((), 0, None)


def test_a_model_that_asks_for_a_gpu_is_refused_where_there_is_none_and_said_once_for_all_servers() -> None:
    """Triton would not start: what its config asks for is looked at together with where it runs."""
    server = edited({"servers.vision.models": [BOUND]})["servers"]["vision"]
    without = {**server, "gpu": {"kind": "none"}}
    assert ids(planned_with({"servers": {"vision": server}}).findings) == []
    for servers in ({"vision": without}, {"vision": without, "text": without}):
        (finding,) = planned_with({"servers": servers}).errors
        assert (finding.rule.id, finding.at.field) == ("TU223", "instance_group[0].kind")
        assert finding.at.file.endswith(f"{BOUND}/config.pbtxt")


def test_a_pool_that_cannot_be_planned_is_said_once_and_takes_no_other_along() -> None:
    made = planned_with({"cluster.pools.cheap": GONE})
    assert ids(made.findings) == ["TU301"]
    assert bounds(vision(made)) == [("floor", 2, 4)]
