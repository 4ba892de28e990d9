"""Nothing that waits for a start gives up before the start can be over."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from planning.derived import Derived
from planning.startup import PROBE_PERIOD_S, slowest_boot
from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import GONE, MIB, Raw, heavier, planned, planned_with, vision

ONE_POOL = {"servers.vision.gpu.pools": ["steady"]}


@for_every_stack
def test_the_startup_probe_waits_as_long_as_loading_may_take(raw: Raw) -> None:
    for server in planned(raw).servers:
        startup = server.startup
        assert startup.failure_threshold.value * PROBE_PERIOD_S >= startup.budget.value
        measured = raw["servers"][server.name].get("start")
        assert startup.budget.value >= (int(measured["model_load"][:-1]) if measured else 60)


@for_every_stack
def test_the_deployment_waits_for_a_node_to_boot_and_the_models_to_load(raw: Raw) -> None:
    for server in planned(raw).servers:
        for lane in server.lanes:
            boot = max((pool.boot_seconds.value for pool in lane.lane.pools), default=0)
            assert lane.patience.progress_deadline.value > boot + server.startup.budget.value


@for_every_stack
def test_where_a_pod_takes_the_place_of_another_its_leaving_is_waited_for_too(raw: Raw) -> None:
    for server in planned(raw).servers:
        for lane in server.lanes:
            if lane.rollout.max_surge.value == 0:
                needed = server.drain.grace.value + server.startup.budget.value
                assert lane.patience.progress_deadline.value > needed


def test_a_long_request_before_a_fast_boot_does_not_fail_the_rollout() -> None:
    """The old pod may answer for an hour, and the GPU is free only then."""
    made = planned_with(
        {
            **ONE_POOL,
            "cluster.node_boot": "1s",
            "gpu_pools.steady.nodes.max": 4,
            "servers.vision.drain.slowest_request": "1h",
        }
    )
    lane = vision(made).lanes[0]
    assert lane.rollout.max_surge.value == 0
    assert lane.patience.progress_deadline.value > 3600 + vision(made).startup.budget.value


@for_every_stack
def test_pulumi_waits_longer_than_the_deployment_and_for_every_step_of_a_rollout(raw: Raw) -> None:
    for server in planned(raw).servers:
        for lane in server.lanes:
            patience = lane.patience
            assert patience.pulumi_timeout.value >= patience.progress_deadline.value
            at_once = lane.rollout.max_surge.value + lane.rollout.max_unavailable.value
            steps = -(-lane.lane.maximum.value // at_once)
            assert patience.pulumi_timeout.value >= steps * server.startup.budget.value


@given(st.integers(0, 2**40))
def test_a_heavier_model_is_waited_for_no_less_and_three_times_as_long_as_it_is_read(size: int) -> None:
    """Read at 50 MiB a second."""
    light, heavy = (vision(planned_with({}, heavier("digits", each))).startup for each in (size, size + 2**30))
    assert light.budget.value <= heavy.budget.value
    assert heavy.budget.value >= 3 * (size + 2**30) / (50 * MIB)


def test_a_measured_load_replaces_the_estimate_in_both_directions() -> None:
    budgets = [
        vision(planned_with({"servers.vision.start": {"model_load": load}}, heavier("digits", 2**34))).startup.budget
        for load in ("1s", "2h")
    ]
    assert [budget.value for budget in budgets] == [31, 7230]


@given(st.lists(st.integers(1, 900), max_size=3))
def test_the_slowest_of_a_servers_pools_is_waited_for(boots: list[int]) -> None:
    (one, *_) = planned_with({}).pools
    pools = [dataclasses.replace(one, boot_seconds=Derived(boot, "a test says so")) for boot in boots]
    assert slowest_boot(pools, Derived(300, "a test says so")).value == max(boots, default=300)


def test_a_node_is_waited_for_as_long_as_its_kind_takes_to_boot() -> None:
    """A node without a GPU takes 300 s, and this machine none."""
    existing = vision(planned_with({"cluster.node_boot": "700s"})).lanes[0].patience
    cpu = vision(planned_with({"cluster.node_boot": "700s", "servers.vision.gpu": {"kind": "none"}})).lanes[0].patience
    local = planned_with(
        {
            "cluster": {"kind": "local"},
            "gpu_pools": {},
            "servers.vision.gpu": {"kind": "none"},
            "servers.vision.release": "24.10",
            "servers.vision.drain": GONE,
        }
    )
    assert existing.progress_deadline.value - cpu.progress_deadline.value == 2 * (700 - 300)
    assert cpu.progress_deadline.value - vision(local).lanes[0].patience.progress_deadline.value == 2 * 300
