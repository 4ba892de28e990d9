"""Whose turn it is, which pods go, and the patches that say so."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_health.draining import Mark, Node, marking, marks, node_of, pod_of
from gpu_health.settings import Sign

TAINT = "status-taint.example/gpu-failed"
SIGN = Sign(condition="GpuHealthy", status="False")


def body(*, status: str | None, marked: str | None = None, others: tuple[str, ...] = (), name: str = "one") -> Any:
    taints = [{"key": key, "value": "x", "effect": "NoSchedule"} for key in others]
    taints += [{"key": TAINT, "value": marked, "effect": "NoSchedule"}] if marked is not None else []
    said = (
        []
        if status is None
        else [{"type": "GpuHealthy", "status": status, "lastTransitionTime": "2026-11-27T12:00:00Z"}]
    )
    return {
        "metadata": {"name": name, "resourceVersion": "7"},
        "spec": {"taints": taints} if taints else {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}, *said]},
    }


def node(name: str, *, since: str | None, mark: Mark | None) -> Node:
    return Node(name=name, version="7", failed=None if since is None else (since, "failed"), mark=mark, taints=())


NODES = st.lists(st.tuples(st.sampled_from([None, "01", "02", "03"]), st.sampled_from([None, *Mark])), max_size=8).map(
    lambda states: [node(f"n{i}", since=since, mark=mark) for i, (since, mark) in enumerate(states)]
)


@given(NODES, st.integers(1, 3))
def test_no_more_are_drained_at_once_than_may_be(nodes: list[Node], at_once: int) -> None:
    begun = {one.name for one in nodes if one.failed and one.mark is Mark.DRAINING}
    wanted = marks(nodes, at_once)
    draining = {name for name, mark in wanted.items() if mark is Mark.DRAINING}
    assert draining >= begun, "what has begun goes on"
    assert len(draining) <= max(at_once, len(begun))
    waiting = [one for one in nodes if wanted[one.name] is Mark.WAITING]
    assert not waiting or len(draining) >= at_once, "nobody waits while there is room"
    for one in nodes:
        assert (wanted[one.name] is None) == (one.failed is None), "every failed node is marked, and no healthy one"
        assert one.failed is None or (one.mark is Mark.DRAINED) == (wanted[one.name] is Mark.DRAINED)


@given(NODES, st.integers(1, 3))
def test_to_mark_again_changes_nothing(nodes: list[Node], at_once: int) -> None:
    wanted = marks(nodes, at_once)
    again = [node(one.name, since=one.failed[0] if one.failed else None, mark=wanted[one.name]) for one in nodes]
    assert marks(again, at_once) == wanted


def test_who_failed_first_is_drained_first() -> None:
    nodes = [
        node("a", since="02", mark=None),
        node("b", since="01", mark=Mark.WAITING),
        node("c", since="03", mark=None),
    ]
    assert marks(nodes, 1) == {"a": Mark.WAITING, "b": Mark.DRAINING, "c": Mark.WAITING}


@pytest.mark.parametrize("status", ["True", "Unknown", None])
def test_only_the_sign_is_a_failure(status: str | None) -> None:
    assert node_of(body(status=status), [SIGN], TAINT).failed is None
    assert node_of(body(status="False"), [SIGN], TAINT).failed is not None


def test_a_mark_of_somebody_else_waits_for_its_turn() -> None:
    assert node_of(body(status="False", marked="by-hand"), [SIGN], TAINT).mark is Mark.WAITING


def applied(before: Any, patch: Any) -> Any:
    """As the API server applies these two steps; None where the test does not hold."""
    test, add = patch
    assert (test["op"], test["path"]) == ("test", "/metadata/resourceVersion")
    assert (add["op"], add["path"]) == ("add", "/spec/taints")
    if before["metadata"]["resourceVersion"] != test["value"]:
        return None
    after = copy.deepcopy(before)
    after["spec"]["taints"] = add["value"]
    return after


@given(
    st.sampled_from([None, *Mark]), st.sampled_from([None, *Mark]), st.lists(st.sampled_from(["a", "b/c"]), max_size=2)
)
def test_a_mark_replaces_the_one_before_and_touches_no_other_taint(
    before: Mark | None, mark: Mark | None, others: list[str]
) -> None:
    was = body(status="False", marked=before, others=tuple(others))
    after = applied(was, marking(node_of(was, [SIGN], TAINT), mark, TAINT))
    assert node_of(after, [SIGN], TAINT).mark is mark
    assert [one["key"] for one in after["spec"]["taints"] if one["key"] != TAINT] == others
    changed = {**was, "metadata": {**was["metadata"], "resourceVersion": "8"}}
    assert applied(changed, marking(node_of(was, [SIGN], TAINT), mark, TAINT)) is None


def pod(**changes: Any) -> Any:
    whole: dict[str, Any] = {
        "metadata": {
            "namespace": "inference",
            "name": "vision-1",
            "uid": "1234",
            "ownerReferences": [{"kind": "ReplicaSet", "controller": True}],
        },
        "spec": {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]},
        "status": {"phase": "Running"},
    }
    for path, value in changes.items():
        at = whole
        *outer, last = path.split("__")
        for part in outer:
            at = at[part]
        at[last] = value
    return whole


@pytest.mark.parametrize(
    ("changes", "goes"),
    [
        ({}, "evict"),
        ({"status__phase": "Pending"}, "evict"),
        ({"metadata__deletionTimestamp": "2026-11-27T12:00:00Z"}, "leaving"),
        ({"metadata__ownerReferences": [{"kind": "DaemonSet", "controller": True}]}, "stays"),
        ({"metadata__ownerReferences": []}, "stays"),
        ({"metadata__ownerReferences": [], "metadata__deletionTimestamp": "2026-11-27T12:00:00Z"}, "leaving"),
        ({"metadata__annotations": {"kubernetes.io/config.mirror": "abc"}}, "stays"),
        ({"status__phase": "Succeeded"}, "stays"),
        ({"spec__tolerations": [{"operator": "Exists"}]}, "stays"),
        ({"spec__tolerations": [{"operator": "Exists", "key": TAINT, "effect": "NoSchedule"}]}, "stays"),
        ({"spec__tolerations": [{"operator": "Exists", "effect": "NoExecute"}]}, "evict"),
    ],
)
def test_a_pod_goes_where_another_is_made_for_it(changes: dict[str, Any], goes: str) -> None:
    assert pod_of(pod(**changes), TAINT).goes == goes


def test_only_a_pod_that_nobody_makes_anew_is_told_of() -> None:
    assert pod_of(pod(metadata__ownerReferences=[]), TAINT).alone
    assert not pod_of(pod(metadata__ownerReferences=[], status__phase="Succeeded"), TAINT).alone
    assert not pod_of(pod(), TAINT).alone


def test_an_eviction_is_of_this_pod_and_not_of_the_next_of_its_name() -> None:
    assert pod_of(pod(), TAINT).eviction["deleteOptions"] == {"preconditions": {"uid": "1234"}}
