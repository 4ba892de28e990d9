"""Spot first, on demand after, and back: what a GKE stack's ComputeClass says, and which lanes use it."""

from __future__ import annotations

from planning.clusters.gke import PlannedGke
from planning.pools import COMPUTE_CLASS
from tests.unit.planning.drawn_stacks import for_every_healthy_stack
from tests.unit.planning.world import GKE, STACK, Raw, planned, planned_with, vision

INSTEAD = {"cluster": {**GKE, "pools": {"cheap": {"without_spot": "on-demand"}}}}


@for_every_healthy_stack
def test_a_class_names_pools_that_are_made_and_a_lane_selects_one_class_or_none(raw: Raw) -> None:
    plan = planned(raw)
    if plan.errors:
        return
    for server in plan.servers:
        for lane in server.lanes:
            assert len({pool.compute_class for pool in lane.lane.pools}) <= 1
    of_class = {pool.compute_class for pool in plan.pools} - {None}
    assert of_class == ({plan.compute_class.name} if plan.compute_class else set())
    if plan.compute_class is None or not isinstance(plan.made, PlannedGke):
        return
    spot, instead = plan.compute_class.rules.value
    made = {each.name: each for each in plan.made.pools}
    assert {name for name, each in made.items() if each.named} == {*spot, *instead}
    assert all(made[name].spot for name in spot)
    assert not any(made[name].spot for name in instead)


def test_the_floor_is_in_no_class() -> None:
    plan = planned_with(INSTEAD)
    floor, spot = vision(plan).lanes
    assert [pool.compute_class for pool in floor.lane.pools] == [None]
    assert [pool.compute_class for pool in spot.lane.pools] == ["inference-spot"]


def test_pods_wait_for_spot_where_nothing_is_said() -> None:
    plan = planned_with({"cluster": GKE})
    assert plan.compute_class is None
    assert isinstance(plan.made, PlannedGke)
    assert [each.name for each in plan.made.pools] == ["steady", "cheap"]
    assert not any(COMPUTE_CLASS in each.labels for each in plan.made.pools)


def test_a_stack_on_a_cluster_that_another_made_has_the_class_too() -> None:
    here, there = planned_with(INSTEAD), planned_with({"cluster": {**REFERENCE, **INSTEAD}})
    assert there.made is None
    assert there.compute_class == here.compute_class


REFERENCE = {"kind": "reference", "stack": "acme/tritonup/cluster"}


def test_a_stand_in_needs_quota_as_on_demand_nodes_do() -> None:
    def needed(changes: Raw) -> dict[str, int]:
        made = planned_with(changes).made
        assert isinstance(made, PlannedGke)
        return {quota.name: quota.needed.value for quota in made.quotas}

    without, instead = needed({"cluster": GKE}), needed(INSTEAD)
    assert instead["PREEMPTIBLE_NVIDIA_L4_GPUS"] == without["PREEMPTIBLE_NVIDIA_L4_GPUS"]
    assert instead["NVIDIA_L4_GPUS"] == 2 * without["NVIDIA_L4_GPUS"]
    assert instead["GPUS_ALL_REGIONS"] == sum(value for name, value in instead.items() if name != "GPUS_ALL_REGIONS")


def test_pods_select_the_class_of_a_pool_that_is_there_already() -> None:
    pools = STACK["cluster"]["pools"]
    labels = {COMPUTE_CLASS: "cheapest-first"}
    plan = planned_with({"cluster.pools": {**pools, "cheap": {**pools["cheap"], "labels": labels}}})
    assert not plan.errors
    assert plan.compute_class is None, "whoever made the pools made their class"
    assert vision(plan).lanes[1].lane.pools[0].compute_class == "cheapest-first"
