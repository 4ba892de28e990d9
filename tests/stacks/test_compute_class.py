"""The ComputeClass of stack dev, and what makes its pods go by it.

Google publishes the definition on clusters alone, so no schema judges it here. Its fields are those of the reference,
cloud.google.com/kubernetes-engine/docs/reference/crds/computeclass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from rendered_stack import RenderedStack, changed_stack, pod_of, rendered_stack

DOCUMENTED: Mapping[str, type] = {
    "priorities": list,
    "activeMigration": dict,
    "nodePoolAutoCreation": dict,
    "whenUnsatisfiable": str,
}
"""What we write of `spec`, and the type that the reference gives it."""


@pytest.fixture
def dev(assembled_models: None) -> RenderedStack:
    return rendered_stack("dev")


def spec_of(stack: RenderedStack) -> Mapping[str, Any]:
    (made,) = stack.of("ComputeClass")
    assert made.body["apiVersion"] == "cloud.google.com/v1"
    assert made.namespace is None
    return made.body["spec"]


def test_it_has_documented_fields_alone(dev: RenderedStack) -> None:
    spec = spec_of(dev)
    assert {field: type(value) for field, value in spec.items()} == dict(DOCUMENTED)
    assert spec["whenUnsatisfiable"] in ("DoNotScaleUp", "ScaleUpAnyway")
    assert all(set(rule) == {"nodepools"} for rule in spec["priorities"]), "no other field may stand beside it"


def test_spot_comes_first_and_nodes_return_to_it(dev: RenderedStack) -> None:
    spec = spec_of(dev)
    assert spec["priorities"] == [{"nodepools": ["l4-spot"]}, {"nodepools": ["l4-spot-instead"]}]
    assert spec["activeMigration"] == {"optimizeRulePriority": True}
    assert spec["nodePoolAutoCreation"] == {"enabled": False}


def test_spot_lanes_select_it_and_floors_do_not(dev: RenderedStack) -> None:
    (made,) = dev.of("ComputeClass")
    for _, lane, deployment in dev.lanes():
        selector = pod_of(deployment).get("nodeSelector")
        assert selector == ({"cloud.google.com/compute-class": made.name} if lane.lane.name == "spot" else None)


def test_without_the_setting_there_is_none_and_pods_select_none(assembled_models: None) -> None:
    waiting = changed_stack("dev", lambda raw: raw["cluster"].pop("pools"))
    assert not [one for one in waiting.manifests if one.kind == "ComputeClass"]
    assert all("nodeSelector" not in pod_of(deployment) for _, _, deployment in waiting.lanes())
