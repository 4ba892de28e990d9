"""A scaled lane follows work that waits, within what the API server accepts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from planning.memory import instances
from tests.unit.planning.drawn_stacks import for_every_healthy_stack
from tests.unit.planning.world import Raw, planned, planned_with, vision


def target(of: Raw) -> int | None:
    planned_target = vision(planned_with(of)).lanes[-1].scaling.target
    return None if planned_target is None else planned_target.value


@for_every_healthy_stack
def test_more_pods_are_asked_for_before_a_second_round_of_any_model_waits(raw: Raw) -> None:
    for server in planned(raw).servers:
        rounds = [instances(model) * max(1, model.max_batch_size) for model in server.served.models if instances(model)]
        for lane in server.lanes:
            if lane.scaling.target is not None:
                assert 1 <= lane.scaling.target.value <= max(1, min(rounds) // 2)


@for_every_healthy_stack
def test_a_scaler_keeps_to_the_bounds_of_the_api_server(raw: Raw) -> None:
    """autoscaling/v2: windows of 0 to 3600 s, policies above 0."""
    for server in planned(raw).servers:
        for lane in server.lanes:
            scaling = lane.scaling
            assert 0 <= scaling.scale_in_window.value <= 3600
            assert 0 <= scaling.scale_out_window.value <= 3600
            assert min(scaling.scale_out_percent.value, scaling.scale_out_pods.value, scaling.scale_in_pods.value) > 0


@given(st.integers(1, 10_000))
def test_a_stated_target_replaces_the_planned_one(stated: int) -> None:
    assert target({"servers.vision.scaling": {"pending_requests": stated}}) == stated


def test_half_of_one_round_is_what_may_wait() -> None:
    """`digits` has one instance and batches of 8."""
    assert target({}) == 4


def test_pods_leave_one_at_a_time_and_only_after_the_wait_that_was_asked_for() -> None:
    scaling = vision(planned_with({"servers.vision.scaling": {"scale_in_after": "90s"}})).lanes[-1].scaling
    assert (scaling.scale_in_window.value, scaling.scale_in_pods.value, scaling.scale_out_window.value) == (90, 1, 0)
