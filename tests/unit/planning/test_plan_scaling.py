"""A scaled lane follows work that waits, within what the API server accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.memory import instances
from planning.profiles.file import Gpu, Profile
from tests.profiles import L4, PROCESSOR, measured, profile
from tests.unit.planning.drawn_stacks import for_every_healthy_stack
from tests.unit.planning.world import Raw, planned, planned_with, profiled, vision


def target(of: Raw) -> int | None:
    planned_target = vision(planned_with(of)).lanes[-1].scaling.target
    return None if planned_target is None else planned_target.value


@for_every_healthy_stack
def test_more_pods_are_asked_for_before_a_second_round_of_any_model_waits(raw: Raw) -> None:
    for server in planned(raw).servers:
        made = [(instances(model, with_gpu=server.gpus > 0), model.max_batch_size) for model in server.served.models]
        rounds = [count * max(1, batch) for count, batch in made if count]
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


PROMISE: Raw = {"servers.vision.slo": {"latency": {"percentile": 99, "within": "100ms"}}}


def spot(changes: Raw, *profiles: Profile) -> tuple[int, str]:
    found = vision(planned_with(changes, profiled("digits", *profiles))).lanes[-1].scaling.target
    assert found is not None
    return found.value, found.because


def test_measured_rounds_say_how_many_may_wait_and_keep_the_promise() -> None:
    """A round of 8 takes 2 + 8 ms, so of 100 ms nine rounds are left to those who wait; half of 72."""
    value, because = spot(PROMISE, profile("digits"))
    assert value == 36
    assert "100ms" in because
    assert "profile.nvidia-l4.json" in because


@given(st.floats(0.0005, 0.3), st.floats(0.0001, 0.05))
def test_whoever_waits_at_the_target_is_answered_within_the_promise(a: float, b: float) -> None:
    value, _ = spot(PROMISE, profile("digits", of=(measured(a=a, b=b),)))
    rounds = -(-value // 8)
    assert value == 1 or (rounds + 1) * (a + 8 * b) <= 0.1 + 1e-9


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, profile("digits")),
        (PROMISE, profile("digits", hardware=PROCESSOR)),
        (PROMISE, profile("digits", hardware=Gpu(kind="gpu", gpu="nvidia-t4"))),
        (PROMISE, profile("digits", of=(measured(instances=2),))),
        ({**PROMISE, "gpu_pools.cheap.sharing": {"kind": "time-slicing", "pods": 2}}, profile("digits", hardware=L4)),
    ],
    ids=["nothing promised", "of a processor", "of another GPU", "of other instances", "of a whole GPU, on a share"],
)
def test_a_profile_that_does_not_apply_changes_nothing(changes: Raw, kept: Profile) -> None:
    assert spot(changes, kept) == spot(changes)
