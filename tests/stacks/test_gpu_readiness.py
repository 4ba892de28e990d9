"""The program that takes start-up taints off is rendered with all that it needs and no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from programs_stack import awaiting_stack
from rendered_stack import RenderedStack, pod_of, rendered_stack

from components.gpu.readiness import NAMESPACE
from gpu_readiness.settings import read_settings


@pytest.fixture(scope="module")
def stack() -> RenderedStack:
    return awaiting_stack()


def test_it_is_told_of_every_tainted_pool_in_words_that_it_understands(stack: RenderedStack, tmp_path: Path) -> None:
    (told,) = [one for one in stack.of("ConfigMap") if one.namespace == NAMESPACE]
    file = tmp_path / "told.json"
    file.write_text(told.body["data"]["gpu-readiness.json"], encoding="utf-8")
    settings = read_settings(file)
    assert {pool.name: (pool.labels, pool.gpus) for pool in settings.pools} == {
        pool.name: (pool.labels, pool.slots) for pool in stack.plan.pools
    }
    for pool in stack.plan.pools:
        assert pool.startup_taint is not None
        assert settings.taint == pool.startup_taint.key
    (deployment,) = [one for one in stack.of("Deployment") if one.namespace == NAMESPACE]
    (container,) = pod_of(deployment.body)["containers"]
    (mount,) = container["volumeMounts"]
    assert container["args"] == ["gpu-readiness", f"{mount['mountPath']}/gpu-readiness.json"]


def test_it_may_see_and_patch_nodes_and_nothing_else(stack: RenderedStack) -> None:
    (role,) = [one for one in stack.of("ClusterRole") if one.name == NAMESPACE]
    assert role.body["rules"] == [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch", "patch"]}
    ]
    (binding,) = [one for one in stack.of("ClusterRoleBinding") if one.name == NAMESPACE]
    (deployment,) = [one for one in stack.of("Deployment") if one.namespace == NAMESPACE]
    account = pod_of(deployment.body)["serviceAccountName"]
    assert binding.body["roleRef"]["name"] == role.name
    assert binding.body["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]


def test_it_runs_as_nobody_on_a_file_system_that_it_cannot_write_to(stack: RenderedStack) -> None:
    (namespace,) = [one for one in stack.of("Namespace") if one.name == NAMESPACE]
    assert namespace.body["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    (deployment,) = [one for one in stack.of("Deployment") if one.namespace == NAMESPACE]
    pod = pod_of(deployment.body)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert "hostPath" not in json.dumps(pod)
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "@sha256:" in container["image"]
    assert deployment.body["spec"]["replicas"] == 2, "a node that goes takes one along"


def test_it_may_call_the_api_server_and_nobody_calls_it(stack: RenderedStack) -> None:
    policies = {one.name: one.body["spec"] for one in stack.of("NetworkPolicy") if one.namespace == NAMESPACE}
    deny = policies.pop("default-deny")
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (allowed,) = policies.values()
    assert allowed["policyTypes"] == ["Egress"]
    (rule,) = allowed["egress"]
    assert {port["port"] for port in rule["ports"]} == {443, 6443}


def test_servers_wait_for_it(stack: RenderedStack) -> None:
    (key,) = {pool.startup_taint.key for pool in stack.plan.pools if pool.startup_taint}
    for _, _, deployment in stack.lanes():
        assert key not in {one.get("key") for one in pod_of(deployment).get("tolerations") or []}


def test_a_stack_without_the_taint_has_none_of_it() -> None:
    assert NAMESPACE not in {one.namespace for one in rendered_stack("dev").manifests}
