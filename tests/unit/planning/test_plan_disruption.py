"""What may be missing at once: never all, never nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from planning.disruption import Spread, plan_disruption
from tests.unit.planning.drawn_stacks import for_every_kind_of_stack, for_every_stack
from tests.unit.planning.world import Raw, ids, planned, planned_with, vision


@given(st.integers(1, 10_000))
def test_nodes_can_be_drained_and_the_floor_is_never_gone_at_once(floor: int) -> None:
    disruption, findings = plan_disruption("vision", floor)
    most = disruption.max_unavailable.value
    assert most >= 1
    assert (most < floor) or (floor == 1 and ids(findings) == ["TU321"])
    assert 4 * most <= max(4, floor)


@for_every_kind_of_stack
def test_a_rollout_can_always_take_a_step(raw: Raw) -> None:
    """Kubernetes refuses a strategy of 0 and 0."""
    for server in planned(raw).servers:
        for lane in server.lanes:
            assert lane.rollout.max_surge.value + lane.rollout.max_unavailable.value == 1


@for_every_stack
def test_zones_are_kept_apart_strictly_only_for_a_floor_of_several_pods_in_several_zones(raw: Raw) -> None:
    for server in planned(raw).servers:
        for lane in server.lanes:
            zones = {zone for pool in lane.lane.pools for zone in pool.zones}
            strict = lane.lane.capacity == "on-demand" and lane.lane.minimum.value > 1 and len(zones) > 1
            assert (lane.over_zones.value is Spread.REQUIRED) == strict
            assert lane.over_nodes.value is Spread.PREFERRED


def test_a_pod_comes_early_where_there_is_a_place_for_it() -> None:
    roomy, full = (vision(planned_with({"gpu_pools.steady.nodes.max": nodes})).lanes[0].rollout for nodes in (3, 2))
    assert (roomy.max_surge.value, roomy.max_unavailable.value) == (1, 0)
    assert (full.max_surge.value, full.max_unavailable.value) == (0, 1)
