"""What may be taken away at a time: the PodDisruptionBudget as the API server enforces it on real pods."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from typing import Any

import pytest
from cluster_stacks import RenderedStack, stack
from cluster_target import Printed, Target, brought, remove_at_once

from local.client import Wire
from local.cluster.answers import ask_server, endpoint_of
from local.cluster.applying import apply_stack
from local.cluster.boot import add_node, vanish
from local.cluster.kubectl import Kubectl
from local.cluster.readiness import wait_until_ready

ORPHANS_GO_WITHIN_S = 120.0
"""The pod collector looks every 20 s and waits 40 s more for the node to come back (quarantineTime and gcCheckPeriod,
pkg/controller/podgc/gc_controller.go)."""


def two_replicas(settings: dict[str, Any]) -> None:
    """Two at any time of one model, small enough that all fit on the nodes of a small machine."""
    for server in settings["servers"].values():
        server["models"] = ["digits"]
        server["replicas"] = {"floor": 2, "ceiling": 2}
        server["resources"] = {"cpu": "700m", "memory": "2Gi"}


@pytest.fixture(scope="module")
def two(target: Target, progress: Printed) -> Generator[RenderedStack]:
    variant = brought(stack("local", two_replicas), target, progress)
    apply_stack(target.kubectl, variant.name, variant.objects)
    try:
        wait_until_ready(target.kubectl, variant.plan.namespace, lambda states: None)
        yield variant
    finally:
        remove_at_once(variant, target.kubectl)


def evict(kubectl: Kubectl, namespace: str, pod: str) -> str:
    """Ask for the pod's eviction as a drain does; the refusal, empty where it is granted."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    told = kubectl.attempt("create", f"--raw={path}", "--filename=-", stdin=json.dumps(body))
    return "" if told.returncode == 0 else told.stderr


def test_the_replicas_stand_on_different_nodes(two: RenderedStack, kubectl: Kubectl) -> None:
    nodes = [pod["spec"]["nodeName"] for pod in kubectl.items("pods", f"--namespace={two.plan.namespace}")]
    assert len(set(nodes)) == len(nodes) == 2


def test_no_second_pod_is_evicted_before_the_first_ones_successor_is_ready(
    two: RenderedStack, kubectl: Kubectl
) -> None:
    namespace = two.plan.namespace
    first, second = (pod["metadata"]["name"] for pod in kubectl.items("pods", f"--namespace={namespace}"))
    assert evict(kubectl, namespace, first) == ""
    refused = evict(kubectl, namespace, second)
    assert "disruption budget" in refused
    wait_until_ready(kubectl, namespace, lambda states: None)
    deadline = time.monotonic() + 30
    while refused := evict(kubectl, namespace, second):
        assert "disruption budget" in refused
        assert time.monotonic() < deadline
        time.sleep(0.5)
    wait_until_ready(kubectl, namespace, lambda states: None)


def test_a_node_that_vanishes_is_replaced_on_another(two: RenderedStack, target: Target, progress: Printed) -> None:
    """The machine is gone without a word; the cloud deletes its node object; the pod is made anew elsewhere."""
    if target.own is None:
        pytest.skip("only a cluster of ours has nodes that can be taken away")
    kubectl, namespace = target.kubectl, two.plan.namespace
    lost = kubectl.items("pods", f"--namespace={namespace}")[0]["spec"]["nodeName"]
    node = next(running.node for running in target.own.nodes() if running.node.name == lost)
    vanish(target.own, lost)
    try:
        kubectl.run("delete", "node", lost)
        deadline = time.monotonic() + ORPHANS_GO_WITHIN_S
        while lost in (found := _nodes_of_pods(kubectl, namespace)) or len(found) < 2:
            assert time.monotonic() < deadline, found
            time.sleep(0.5)
        wait_until_ready(kubectl, namespace, lambda states: None)
        for server in two.plan.servers:
            with endpoint_of(server, namespace, kubectl) as endpoint:
                assert [answer.fault for answer in ask_server(server, endpoint, Wire.HTTP) if answer.fault] == []
    finally:
        add_node(target.own, node)
        brought(two, target, progress)


def _nodes_of_pods(kubectl: Kubectl, namespace: str) -> list[str]:
    return [pod["spec"].get("nodeName", "") for pod in kubectl.items("pods", f"--namespace={namespace}")]
