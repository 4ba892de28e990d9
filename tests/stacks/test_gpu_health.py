"""The programs that look after failed GPUs are rendered with all that they need and no more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pod_security import violations
from programs_stack import planned_with
from rendered_stack import RenderedStack, pod_of, rendered_plan, rendered_stack

from components.gpu import health, health_agent
from gpu_health.condition import GPU_HEALTHY
from gpu_health.draining import EFFECT
from gpu_health.settings import read_settings
from planning.derived import Derived
from planning.gpu_health import OF_GKE, OURS


@pytest.fixture(scope="module")
def stack() -> RenderedStack:
    """On GKE, whose device plugin tells of failed GPUs."""
    return rendered_plan("dev", planned_with(lambda pool: pool.update(health={"kind": "drained", "at_once": 2})))


@pytest.fixture(scope="module")
def elsewhere(stack: RenderedStack) -> RenderedStack:
    """The same where nothing tells of them."""
    planned = stack.plan.gpu_health
    assert planned is not None
    return rendered_plan("dev", replace(stack.plan, gpu_health=replace(planned, sign=Derived(OURS, "a test"))))


def test_the_drainer_is_told_of_every_pool_in_words_that_it_understands(stack: RenderedStack, tmp_path: Path) -> None:
    (told,) = [one for one in stack.of("ConfigMap") if one.namespace == health.NAMESPACE]
    file = tmp_path / "told.json"
    file.write_text(told.body["data"][health.FILE], encoding="utf-8")
    settings = read_settings(file)
    assert {pool.name: (pool.labels, pool.at_once) for pool in settings.pools} == {
        pool.name: (pool.labels, 2) for pool in stack.plan.pools
    }
    assert [(sign.condition, sign.status) for sign in settings.signs] == [(OF_GKE.condition, OF_GKE.status)]
    (deployment,) = [one for one in stack.of("Deployment") if one.namespace == health.NAMESPACE]
    (container,) = pod_of(deployment.body)["containers"]
    (mount,) = container["volumeMounts"]
    assert container["args"] == ["gpu-health", "drain", f"{mount['mountPath']}/{health.FILE}"]
    assert settings.lease.namespace == deployment.namespace


def test_the_drainer_sees_and_taints_nodes_and_evicts_pods_and_deletes_nothing(stack: RenderedStack) -> None:
    (role,) = [one for one in stack.of("ClusterRole") if one.name == health.NAMESPACE]
    assert role.body["rules"] == [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    ]
    (own,) = [one for one in stack.of("Role") if one.namespace == health.NAMESPACE]
    assert {resource for rule in own.body["rules"] for resource in rule["resources"]} == {"leases"}
    (named,) = [rule for rule in own.body["rules"] if rule["verbs"] != ["create"]]
    assert named["resourceNames"] == [health.CALLED]


def test_the_drainer_is_nobody_and_has_no_access_to_a_node(stack: RenderedStack) -> None:
    (namespace,) = [one for one in stack.of("Namespace") if one.name == health.NAMESPACE]
    assert namespace.body["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    (deployment,) = [one for one in stack.of("Deployment") if one.namespace == health.NAMESPACE]
    template = deployment.body["spec"]["template"]
    assert violations(template["metadata"], template["spec"]) == []
    (container,) = template["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert "@sha256:" in container["image"]


def test_nothing_runs_on_the_nodes_of_a_cloud_that_tells_of_failed_gpus_itself(stack: RenderedStack) -> None:
    assert health_agent.NAMESPACE not in {one.namespace or one.name for one in stack.manifests}


def test_the_agent_has_one_capability_and_nothing_of_the_node(elsewhere: RenderedStack) -> None:
    (daemon_set,) = [one for one in elsewhere.of("DaemonSet") if one.namespace == health_agent.NAMESPACE]
    template = daemon_set.body["spec"]["template"]
    assert "hostPath" not in json.dumps(template)
    asked = {violation.partition(":")[0] for violation in violations(template["metadata"], template["spec"])}
    context = "containers[0].securityContext"
    assert asked == {f"{context}.runAsNonRoot", f"{context}.runAsUser", f"{context}.capabilities.add"}
    (container,) = template["spec"]["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["SYSLOG"]}
    assert "privileged" not in container["securityContext"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    (namespace,) = [one for one in elsewhere.of("Namespace") if one.name == health_agent.NAMESPACE]
    assert namespace.body["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


def test_the_agent_runs_on_every_node_of_the_pools_whatever_its_taints(elsewhere: RenderedStack) -> None:
    (daemon_set,) = [one for one in elsewhere.of("DaemonSet") if one.namespace == health_agent.NAMESPACE]
    pod = pod_of(daemon_set.body)
    planned = elsewhere.plan.gpu_health
    assert planned is not None
    tolerated = {(one["key"], one["effect"]) for one in pod["tolerations"]}
    assert (planned.taint, EFFECT) in tolerated
    for pool in elsewhere.plan.pools:
        assert {(taint.key, taint.effect) for taint in pool.taints_at_first} <= tolerated
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    placed = [{one["key"]: one["values"][0] for one in term["matchExpressions"]} for term in terms]
    assert placed == [dict(pool.labels) for pool in elsewhere.plan.pools]


def test_no_server_tolerates_the_taint_of_a_failed_gpu(stack: RenderedStack) -> None:
    planned = stack.plan.gpu_health
    assert planned is not None
    for _, _, deployment in stack.lanes():
        tolerations = pod_of(deployment).get("tolerations") or []
        assert planned.taint not in {one.get("key") for one in tolerations}
        assert all(one.get("key") for one in tolerations), "a toleration without a key tolerates every taint"


def test_the_condition_is_one_word_in_the_plan_and_in_the_program() -> None:
    assert OURS.condition == GPU_HEALTHY


def test_both_call_the_api_server_and_nobody_calls_them(elsewhere: RenderedStack) -> None:
    for namespace in (health.NAMESPACE, health_agent.NAMESPACE):
        policies = {one.name: one.body["spec"] for one in elsewhere.of("NetworkPolicy") if one.namespace == namespace}
        assert policies.pop("default-deny") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        (allowed,) = policies.values()
        assert allowed["policyTypes"] == ["Egress"]
        assert {port["port"] for rule in allowed["egress"] for port in rule["ports"]} == {443, 6443}


def test_a_stack_that_does_not_ask_for_it_has_none_of_it() -> None:
    there = {one.namespace for one in rendered_stack("dev").manifests}
    assert not there & {health.NAMESPACE, health_agent.NAMESPACE}
