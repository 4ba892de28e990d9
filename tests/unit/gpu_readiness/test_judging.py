"""When a node has what its pool promises, and the patch that says so to the API server."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_readiness.readiness import Complete, Waiting, judge
from gpu_readiness.settings import Pool, Settings, read_settings
from planning.told import SettingsError

TAINT, GPU = "startup-taint.example/gpu", "nvidia.com/gpu"
SETTINGS = Settings(taint=TAINT, resource=GPU, pools=(Pool(name="l4", labels={"pool": "l4"}, gpus=2),))


def node(*, gpus: str | None, taints: list[str], ready: str = "True", labels: dict[str, str] | None = None) -> Any:
    return {
        "metadata": {"name": "one", "labels": {"pool": "l4"} if labels is None else labels},
        "spec": {"taints": [{"key": key, "effect": "NoSchedule"} for key in taints]},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "allocatable": {"cpu": "4"} | ({GPU: gpus} if gpus is not None else {}),
        },
    }


def applied(body: Any, complete: Complete) -> Any:
    """As the API server applies a JSON patch; None where one of its tests does not hold."""
    body = copy.deepcopy(body)
    for step in complete.patch:
        *outer, last = [part.replace("~1", "/").replace("~0", "~") for part in str(step["path"]).split("/")[1:]]
        at = body
        for part in outer:
            at = at[part]
        key: Any = int(last) if isinstance(at, list) else last
        there = key < len(at) if isinstance(at, list) else key in at
        if step["op"] == "test":
            if not there or at[key] != step["value"]:
                return None
        else:
            del at[key]
    return body


KEYS = st.lists(st.sampled_from(["a", "b/c", TAINT]), max_size=4)


@given(KEYS, st.sampled_from([None, "0", "1", "2", "3"]), st.sampled_from(["True", "False", "Unknown"]))
def test_the_taint_goes_where_the_planned_gpus_are_there_and_nothing_else_goes(
    taints: list[str], gpus: str | None, ready: str
) -> None:
    body = node(gpus=gpus, taints=taints, ready=ready)
    verdict = judge(body, SETTINGS)
    if TAINT not in taints:
        assert verdict is None
    elif gpus == "2" and ready == "True":
        assert isinstance(verdict, Complete)
        after = applied(body, verdict)
        assert [taint["key"] for taint in after["spec"]["taints"]] == [key for key in taints if key != TAINT]
        assert {**after, "spec": None} == {**body, "spec": None}
    else:
        assert isinstance(verdict, Waiting)


@given(st.sampled_from([None, "0", "1"]))
def test_a_gpu_that_goes_before_the_patch_arrives_keeps_the_taint(gpus: str | None) -> None:
    verdict = judge(node(gpus="2", taints=["a", TAINT]), SETTINGS)
    assert isinstance(verdict, Complete)
    assert applied(node(gpus=gpus, taints=["a", TAINT]), verdict) is None


@given(KEYS)
def test_taints_that_have_moved_before_the_patch_arrives_are_left_alone(taints: list[str]) -> None:
    verdict = judge(node(gpus="2", taints=["a", TAINT]), SETTINGS)
    assert isinstance(verdict, Complete)
    after = applied(node(gpus="2", taints=taints), verdict)
    assert after is None or taints[1] == TAINT
    if after is not None:
        assert [taint["key"] for taint in after["spec"]["taints"]] == [taints[0], *taints[2:]]


def test_nodes_of_others_are_nobodys_business() -> None:
    assert judge(node(gpus="2", taints=[TAINT], labels={"pool": "theirs"}), SETTINGS) is None
    assert judge(node(gpus="2", taints=[TAINT], labels={}), SETTINGS) is None


def test_a_wait_says_what_there_is_and_what_was_promised() -> None:
    verdict = judge(node(gpus="1", taints=[TAINT]), SETTINGS)
    assert isinstance(verdict, Waiting)
    assert "1 nvidia.com/gpu" in verdict.because
    assert "'l4' promises 2" in verdict.because


GOOD: dict[str, Any] = {"taint": TAINT, "resource": GPU, "pools": [{"name": "l4", "labels": {"pool": "l4"}, "gpus": 2}]}


def test_settings_are_read_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(GOOD), encoding="utf-8")
    assert read_settings(file) == SETTINGS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"taint": ""}, "taint is ''"),
        ({"resource": None}, "resource is None"),
        ({"pools": []}, "pools is []"),
        ({"pools": [{"name": "l4", "labels": {}, "gpus": 2}]}, r"pools[0].labels is empty"),
        ({"pools": [{"name": "l4", "labels": {"a": "b"}, "gpus": 0}]}, r"pools[0].gpus is 0"),
        ({"pools": [{"name": "l4", "labels": {"a": "b"}, "gpus": True}]}, r"pools[0].gpus is True"),
        ({"pools": ["l4"]}, r"pools[0] is 'l4'"),
    ],
)
def test_what_is_wrong_with_settings_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(GOOD | change), encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        read_settings(file)
    assert words in str(refused.value)
