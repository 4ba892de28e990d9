"""What a change of a server's replicas or pools does to what is deployed already.

`replicas` is in no Deployment: the lane's scaler owns it, also where it is fixed. So a change between fixed and
scaled never passes through the API's default of one, and touches nothing but the scaler.
"""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rendered_stack import Body, Edit, RenderedStack, changed_stack

from stacks.recording import leaves

Object = tuple[str, str | None, str]

NAMESPACE = "inference-dev"


def _vision(floor: int, ceiling: int, *, spot: bool) -> Edit:
    """dev with `vision` as said, and room for more of it than it has, so that a rollout always has a place."""

    def edit(raw: dict[str, Any]) -> None:
        raw["gpu_pools"]["l4"]["nodes"]["max"] = 20
        raw["gpu_pools"]["l4-spot"]["nodes"]["max"] = 20
        server = raw["servers"]["vision"]
        server["replicas"] = {"floor": floor, "ceiling": ceiling}
        server["gpu"]["pools"] = ["l4", "l4-spot"] if spot else ["l4"]

    return edit


def _changed(before: RenderedStack, after: RenderedStack) -> tuple[set[Object], set[Object], set[Object]]:
    """What is new, what is gone and what is different."""
    old, new = before.by_object(), after.by_object()
    return (
        new.keys() - old.keys(),
        old.keys() - new.keys(),
        {key for key in old.keys() & new.keys() if old[key] != new[key]},
    )


def _scaler(stack: RenderedStack, lane: str) -> Body:
    return stack.one("HorizontalPodAutoscaler", f"vision-{lane}")["spec"]


FLOOR_SCALER: Object = ("HorizontalPodAutoscaler", NAMESPACE, "vision-floor")
QUOTA: Object = ("ResourceQuota", NAMESPACE, "serving")
"""The namespace's own: it follows what all lanes may have together."""


@pytest.mark.parametrize(("before", "after"), [((3, 3), (3, 8)), ((3, 8), (3, 3)), ((3, 8), (5, 5)), ((2, 2), (5, 9))])
def test_a_change_between_fixed_and_scaled_touches_the_scaler_alone(
    before: tuple[int, int], after: tuple[int, int], assembled_models: None
) -> None:
    old, new = (changed_stack("dev", _vision(*bounds, spot=False)) for bounds in (before, after))
    assert _changed(old, new) == (set(), set(), {FLOOR_SCALER, QUOTA})
    assert (_scaler(new, "floor")["minReplicas"], _scaler(new, "floor")["maxReplicas"]) == after


def test_a_fixed_server_that_becomes_scaled_never_has_fewer_replicas_on_the_way(assembled_models: None) -> None:
    fixed = changed_stack("dev", _vision(3, 3, spot=False))
    scaled = changed_stack("dev", _vision(3, 8, spot=False))
    # The same scaler of the same Deployment keeps at least three throughout: it is changed, not replaced.
    for stack in (fixed, scaled):
        spec = _scaler(stack, "floor")
        assert spec["minReplicas"] == 3
        assert spec["scaleTargetRef"]["name"] == "vision-floor"
        assert "replicas" not in stack.one("Deployment", "vision-floor")["spec"]


def test_a_spot_lane_is_added_beside_a_floor_that_stays_as_it_is(assembled_models: None) -> None:
    alone = changed_stack("dev", _vision(3, 3, spot=False))
    with_spot = changed_stack("dev", _vision(3, 8, spot=True))
    assert _changed(alone, with_spot) == (
        {
            ("Deployment", NAMESPACE, "vision-spot"),
            ("HorizontalPodAutoscaler", NAMESPACE, "vision-spot"),
        },
        set(),
        {QUOTA},
    )


def test_a_spot_lane_that_is_taken_away_leaves_the_floor_as_it_is(assembled_models: None) -> None:
    with_spot = changed_stack("dev", _vision(3, 8, spot=True))
    alone = changed_stack("dev", _vision(3, 3, spot=False))
    new, gone, different = _changed(with_spot, alone)
    assert (new, different) == (set(), {QUOTA})
    assert {kind for kind, _, _ in gone} == {"Deployment", "HorizontalPodAutoscaler"}


def test_a_scaled_floor_that_gets_a_spot_lane_keeps_its_pods(assembled_models: None) -> None:
    scaled = changed_stack("dev", _vision(3, 8, spot=False))
    with_spot = changed_stack("dev", _vision(3, 8, spot=True))
    _, gone, different = _changed(scaled, with_spot)
    assert (gone, different) == (set(), {FLOOR_SCALER, QUOTA})
    assert _scaler(with_spot, "floor")["minReplicas"] == 3


@functools.cache
def _lanes(floor: int, ceiling: int, spot: bool) -> dict[str, Body]:
    stack = changed_stack("dev", _vision(floor, ceiling, spot=spot))
    return {deployment.name: deployment.body["spec"] for deployment in stack.of("Deployment")}


bounds = st.integers(2, 5).flatmap(lambda floor: st.tuples(st.just(floor), st.integers(floor, 8)))


@given(before=bounds, after=bounds, had_spot=st.booleans(), has_spot=st.booleans())
@settings(max_examples=20, deadline=None)
def test_no_change_of_replicas_restarts_a_pod_or_states_replicas(
    assembled_models: None, before: tuple[int, int], after: tuple[int, int], had_spot: bool, has_spot: bool
) -> None:
    old, new = _lanes(*before, had_spot), _lanes(*after, has_spot)
    for name, spec in new.items():
        assert "replicas" not in spec
        if name in old:
            assert spec["template"] == old[name]["template"]
            assert spec["selector"] == old[name]["selector"]


def test_a_second_floor_replica_is_spread_over_zones_by_a_rollout_that_takes_nothing_away(
    assembled_models: None,
) -> None:
    """The one change of replicas that rolls pods: from two on, the floor must survive a zone."""
    old, new = _lanes(1, 1, spot=False)["vision-floor"], _lanes(2, 2, spot=False)["vision-floor"]
    differing = {path for path, value in leaves(new) if dict(leaves(old)).get(path) != value}
    assert differing == {"template.spec.topologySpreadConstraints.0.whenUnsatisfiable"}
    assert new["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize(
    ("what", "edit"),
    [
        ("labels", lambda raw: raw["labels"].update(team="vision-research")),
        ("a new caller", lambda raw: raw["servers"]["vision"]["exposure"]["callers"].append({"namespace": "search"})),
        ("more memory", lambda raw: raw["servers"]["vision"]["resources"].update(memory="5Gi")),
        ("another release of the models", lambda raw: raw["servers"]["text"].update(models=["sentence_embedding"])),
    ],
)
def test_selectors_never_change(what: str, edit: Edit, assembled_models: None) -> None:
    """They are immutable: a change would fail at the API server, or replace the Deployment with its pods."""
    old, new = changed_stack("dev", lambda raw: None), changed_stack("dev", edit)
    selectors = [{d.name: d.body["spec"]["selector"] for d in stack.of("Deployment")} for stack in (old, new)]
    assert selectors[0] == selectors[1]
    assert _changed(old, new)[2]


def test_a_changed_caller_changes_the_network_policy_alone(assembled_models: None) -> None:
    old = changed_stack("dev", lambda raw: None)
    new = changed_stack(
        "dev", lambda raw: raw["servers"]["vision"]["exposure"]["callers"].append({"namespace": "search"})
    )
    assert _changed(old, new) == (set(), set(), {("NetworkPolicy", NAMESPACE, "vision")})


def test_a_changed_server_leaves_the_other_servers_objects_alone(assembled_models: None) -> None:
    old = changed_stack("dev", lambda raw: None)
    new = changed_stack("dev", lambda raw: raw["servers"]["vision"]["drain"].update(slowest_request="12s"))
    assert {key[2].split("-")[0] for key in _changed(old, new)[2]} == {"vision"}
