"""Karpenter as stack prod installs it: what it is told, where it stands, what it may do, and what waits for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from installing import Asked, asked_of
from pod_security import violations
from recorded_eks import karpenter_of, planned_eks, prod_eks
from rendered_stack import Body, RenderedStack, changed_stack, container_of, pod_of, rendered_stack

from components.controllers.definitions import definition_of
from components.controllers.karpenter import DEFINITIONS, environment
from planning.karpenter import FEATURES, PlannedKarpenter


@pytest.fixture
def prod(assembled_models: None) -> RenderedStack:
    return rendered_stack("prod")


def installed(stack: RenderedStack) -> PlannedKarpenter:
    assert stack.plan.karpenter is not None
    assert stack.plan.karpenter.installed is not None
    return stack.plan.karpenter.installed


def deployment(stack: RenderedStack) -> Body:
    return stack.one("Deployment", "karpenter")


def told(stack: RenderedStack) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container_of(deployment(stack))["env"] if one.get("value")}


def test_it_is_told_the_names_of_what_the_clusters_stack_made(prod: RenderedStack) -> None:
    made = prod_eks()
    assert told(prod)["INTERRUPTION_QUEUE"] == made.one("sqs/queue")["name"]
    assert told(prod)["CLUSTER_NAME"] == made.one("eks/cluster")["name"]
    assert told(prod)["AWS_REGION"] == made.planned.region
    (linked,) = [
        each.inputs
        for each in made.of("eks/podIdentityAssociation")
        if each.inputs["serviceAccount"] == pod_of(deployment(prod))["serviceAccountName"]
    ]
    assert linked["namespace"] == deployment(prod)["metadata"]["namespace"]


def test_every_feature_gate_is_stated_and_nodes_are_repaired(prod: RenderedStack) -> None:
    gates = dict(each.split("=") for each in told(prod)["FEATURE_GATES"].split(","))
    assert gates == {gate: "true" if on else "false" for gate, on in FEATURES.items()}
    assert gates["NodeRepair"] == "true"
    assert environment(installed(prod)).items() <= told(prod).items()


def test_it_stands_on_nodes_that_it_does_not_buy_one_on_each(prod: RenderedStack) -> None:
    eks = planned_eks(prod.plan)
    pod = pod_of(deployment(prod))
    assert pod["nodeSelector"].items() >= eks.system.labels.items()
    for pool in karpenter_of(eks).pools:
        assert not pod["nodeSelector"].items() <= {"kubernetes.io/os": "linux", **pool.labels}.items()
    assert deployment(prod)["spec"]["replicas"] == 2 <= eks.system.minimum.value
    (apart,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    selected = deployment(prod)["spec"]["selector"]
    assert (apart["topologyKey"], apart["labelSelector"]) == ("kubernetes.io/hostname", selected)
    assert pod["priorityClassName"] == "system-cluster-critical"
    budget = prod.one("PodDisruptionBudget", "karpenter")["spec"]
    assert (budget["maxUnavailable"], budget["selector"]) == (1, selected)


def test_its_pods_are_restricted_and_their_image_is_named_by_a_digest(prod: RenderedStack) -> None:
    template = deployment(prod)["spec"]["template"]
    assert violations(template["metadata"], template["spec"]) == []
    container = container_of(deployment(prod))
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["image"] == installed(prod).image.value.by_digest
    assert "@sha256:" in container["image"]


def test_it_reads_no_secret_and_starts_no_pod(prod: RenderedStack) -> None:
    rules = [rule for kind in ("ClusterRole", "Role") for rule in _rules(prod, kind)]
    assert rules
    for rule in rules:
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert not {"secrets", "configmaps", "serviceaccounts"} & set(rule["resources"])
        if "pods" in rule["resources"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch", "delete"}
    subjects = [prod.one(kind, "karpenter")["subjects"] for kind in ("ClusterRoleBinding", "RoleBinding")]
    who = {"kind": "ServiceAccount", "name": "karpenter", "namespace": "kube-system"}
    assert subjects == [[who], [who]]


def _rules(stack: RenderedStack, kind: str) -> list[Mapping[str, Any]]:
    return list(stack.one(kind, "karpenter")["rules"])


def test_nobody_calls_it_and_it_calls_dns_the_api_server_and_aws_alone(prod: RenderedStack) -> None:
    policy = prod.one("NetworkPolicy", "karpenter")["spec"]
    assert policy["podSelector"] == deployment(prod)["spec"]["selector"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert not policy.get("ingress")
    ports = {(port["protocol"], port["port"]) for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {("UDP", 53), ("TCP", 53), ("TCP", 443), ("TCP", 80)}
    (identity,) = [rule for rule in policy["egress"] if rule["ports"] == [{"port": 80, "protocol": "TCP"}]]
    assert identity["to"] == [{"ipBlock": {"cidr": "169.254.170.23/32"}}]


def test_definitions_are_rendered_before_what_is_of_their_kinds(prod: RenderedStack) -> None:
    places = {(manifest.kind, manifest.name): index for index, manifest in enumerate(prod.manifests)}
    last = max(places["CustomResourceDefinition", name] for name in DEFINITIONS)
    others = [index for (kind, _), index in places.items() if kind in ("NodePool", "EC2NodeClass", "Deployment")]
    assert last < min(others)


def test_every_kind_of_karpenters_that_is_rendered_has_its_definition(prod: RenderedStack) -> None:
    defined = {(read["spec"]["group"], read["spec"]["names"]["kind"]) for read in map(definition_of, DEFINITIONS)}
    groups = {group for group, _ in defined}
    rendered = {(str(m.body["apiVersion"]).partition("/")[0], m.kind) for m in prod.manifests}
    assert {one for one in rendered if one[0] in groups} == defined - {("karpenter.sh", "NodeClaim")}


def test_where_somebody_else_runs_it_only_its_nodes_are_described(assembled_models: None) -> None:
    theirs = changed_stack("prod", lambda raw: raw["controllers"].update(karpenter="present"))
    assert not [one for one in theirs.manifests if one.name == "karpenter" or one.kind == "CustomResourceDefinition"]
    assert theirs.of("NodePool")


@pytest.fixture
def asked(prod: RenderedStack, monkeypatch: pytest.MonkeyPatch) -> Asked:
    return asked_of(prod.plan, monkeypatch)


def test_what_it_acts_on_is_made_after_it_and_gone_before_it(asked: Asked, prod: RenderedStack) -> None:
    """A destroy goes the other way about: NodePools take their nodes along while Karpenter drains and ends them."""
    kinds = ("NodePool", "EC2NodeClass")
    acted_on = [waits_for for (kind, _), waits_for in asked.waits_for.items() if kind in kinds]
    assert len(acted_on) == len(prod.of(*kinds))
    for waits_for in acted_on:
        assert "karpenter-deployment" in waits_for
    wanted = {f"karpenter-{name}" for name in (*DEFINITIONS, "account", "may-anywhere", "may-inside", "network")}
    assert wanted <= asked.waits_for["Deployment", "karpenter-deployment"]


def test_definitions_outlive_the_stack_and_nothing_else_does(asked: Asked) -> None:
    assert asked.stays == {f"karpenter-{name}" for name in DEFINITIONS}


def test_a_node_pool_has_the_time_to_end_that_its_nodes_have_to_drain(asked: Asked, prod: RenderedStack) -> None:
    for pool in karpenter_of(planned_eks(prod.plan)).pools:
        assert int(asked.ends_within[f"nodes-{pool.name}"].rstrip("s")) >= pool.grace_s.value + 600
