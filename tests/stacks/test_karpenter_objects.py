"""NodePools and NodeClasses against the definitions that Karpenter's own module has, and what must be true of them.

The schemas are held strictly: an API server drops a field that it does not know, which is a mistake of ours. Rules that
a definition has in CEL are not judged here; an API server judges them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml
from closed_schemas import closed
from recorded_eks import karpenter_of, prod_eks

from components.clusters.eks.node_pools import KarpenterNodes, KarpenterNodesArgs
from local.cluster.definitions import EC2_NODE_CLASS, NODE_POOL, definition_file
from local.cluster.errors import ClusterError
from local.cluster.layout import LAYOUT
from planning.clusters.eks import PlannedEks
from stacks.recording import Recorded, is_unknown, leaves, record

KINDS = {"NodePool": NODE_POOL, "EC2NodeClass": EC2_NODE_CLASS}


class Quiet:
    def step(self, doing: str) -> AbstractContextManager[object]:
        return nullcontext()

    def note(self, text: str) -> None:
        pass


@cache
def schema(kind: str) -> Mapping[str, Any]:
    """The schema of the version that we write, with every object closed."""
    try:
        path = definition_file(KINDS[kind], LAYOUT, Quiet())
    except ClusterError as refused:
        pytest.skip(f"Karpenter's definitions cannot be had here: {refused}")
    versions = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["versions"]
    (served,) = [version for version in versions if version["name"] == "v1"]
    return closed(served["schema"]["openAPIV3Schema"])


def judged(kind: str, body: Mapping[str, Any]) -> list[str]:
    """What the genuine schema says of `body`, its metadata apart, which Kubernetes itself judges."""
    whole = {key: inner for key, inner in body.items() if key in ("apiVersion", "kind", "spec")}
    return [error.message for error in jsonschema.Draft202012Validator(schema(kind)).iter_errors(whole)]


@cache
def objects() -> tuple[PlannedEks, tuple[Recorded, ...]]:
    eks = prod_eks()
    args = KarpenterNodesArgs(
        karpenter=karpenter_of(eks.planned), cluster=eks.planned.name.value, handshakes={}, labels=eks.plan.labels
    )
    made = record(lambda: KarpenterNodes("nodes", args), stack="prod")
    return eks.planned, tuple(resource for resource in made if resource.type.startswith("kubernetes:"))


@pytest.fixture
def planned(assembled_models: None) -> PlannedEks:
    return objects()[0]


def bodies(kind: str) -> dict[str, Mapping[str, Any]]:
    return {each.inputs["metadata"]["name"]: each.inputs for each in objects()[1] if each.inputs["kind"] == kind}


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_fits_karpenters_own_schema(kind: str, planned: PlannedEks) -> None:
    assert bodies(kind)
    for body in bodies(kind).values():
        assert judged(kind, body) == []


def test_the_schemas_refuse_a_misspelt_and_a_mistyped_field(planned: PlannedEks) -> None:
    pool = copy.deepcopy(dict(bodies("NodePool")["a10g-spot"]))
    pool["spec"]["template"]["spec"]["terminationGracePeriods"] = "115s"
    pool["spec"]["disruption"]["consolidationPolicy"] = "WhenUnderutilized"
    pool["spec"]["weight"] = 101
    said = " ".join(judged("NodePool", pool))
    assert "terminationGracePeriods" in said
    assert "WhenUnderutilized" in said
    assert "101" in said
    node_class = copy.deepcopy(dict(bodies("EC2NodeClass")["a10g"]))
    node_class["spec"]["metadataOptions"]["httpTokens"] = "always"
    assert "always" in " ".join(judged("EC2NodeClass", node_class))


def test_nothing_in_them_is_known_only_after_deployment(planned: PlannedEks) -> None:
    """So they can be rendered, and made by the stack that reaches the control plane."""
    for resource in objects()[1]:
        assert not [path for path, value in leaves(resource.inputs) if is_unknown(value)]


def test_a_node_pool_is_the_planned_one(planned: PlannedEks) -> None:
    made = bodies("NodePool")
    karpenter = karpenter_of(planned)
    assert set(made) == {pool.name for pool in karpenter.pools}
    for pool in karpenter.pools:
        spec = made[pool.name]["spec"]
        template = spec["template"]["spec"]
        asked = {each["key"]: each["values"] for each in template["requirements"]}
        assert all(each["operator"] == "In" for each in template["requirements"])
        assert asked["karpenter.sh/capacity-type"] == [pool.capacity]
        assert asked["node.kubernetes.io/instance-type"] == list(pool.machines.value)
        assert asked["topology.kubernetes.io/zone"] == list(pool.zones)
        assert spec["template"]["metadata"]["labels"] == dict(pool.labels)
        assert [(taint["key"], taint["value"], taint["effect"]) for taint in template["taints"]] == [
            (taint.key, taint.value, taint.effect) for taint in pool.taints
        ]
        assert spec["limits"] == {"nvidia.com/gpu": str(pool.gpus.value)}
        assert template["terminationGracePeriod"] == f"{pool.grace_s.value}s"
        assert template["nodeClassRef"]["name"] in bodies("EC2NodeClass")


def test_spot_is_weighted_over_what_stands_in_for_it(planned: PlannedEks) -> None:
    made = bodies("NodePool")
    assert made["a10g-spot"]["spec"]["weight"] > made["a10g-spot-instead"]["spec"]["weight"]
    assert made["a10g-spot"]["spec"]["disruption"]["consolidationPolicy"] == "WhenEmpty"
    assert made["a10g-spot-instead"]["spec"]["disruption"]["consolidationPolicy"] == "WhenEmptyOrUnderutilized"


def test_every_reason_to_move_a_node_has_its_budget(planned: PlannedEks) -> None:
    """A reason without one would have Karpenter's own: a tenth of the nodes."""
    for body in bodies("NodePool").values():
        budgets = body["spec"]["disruption"]["budgets"]
        moved = {reason: budget["nodes"] for budget in budgets for reason in budget["reasons"]}
        assert moved == {"Drifted": "1", "Underutilized": "1", "Empty": "100%"}


def test_nodes_of_karpenter_are_as_closed_as_those_of_managed_groups(planned: PlannedEks) -> None:
    for body in bodies("EC2NodeClass").values():
        spec = body["spec"]
        assert spec["metadataOptions"]["httpTokens"] == "required"
        assert spec["metadataOptions"]["httpPutResponseHopLimit"] == 1
        assert spec["associatePublicIPAddress"] is False
        assert [disk["ebs"]["encrypted"] for disk in spec["blockDeviceMappings"]] == [True]


def test_nodes_are_put_where_the_cluster_marked_its_own_and_take_its_profile(planned: PlannedEks) -> None:
    key, value = karpenter_of(planned).discovery
    profile = prod_eks().named("iam/instanceProfile", "cluster-karpenter-node")["name"]
    for body in bodies("EC2NodeClass").values():
        assert body["spec"]["subnetSelectorTerms"] == [{"tags": {key: value}}]
        assert body["spec"]["securityGroupSelectorTerms"] == [{"tags": {key: value}}]
        assert body["spec"]["instanceProfile"] == profile
        assert "role" not in body["spec"]


def test_no_tag_is_one_that_karpenter_keeps_for_itself(planned: PlannedEks) -> None:
    """Rules of the EC2NodeClass's definition that are in CEL (`spec.tags`)."""
    for body in bodies("EC2NodeClass").values():
        for tag in body["spec"]["tags"]:
            assert not tag.startswith("kubernetes.io/cluster")
            assert tag not in {"eks:eks-cluster-name", "karpenter.sh/nodepool", "karpenter.sh/nodeclaim"}
