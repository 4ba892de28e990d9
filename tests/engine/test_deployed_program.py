"""The program under the real engine, with its real Kubernetes provider, against the API server of a real cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cluster_api import ClusterApi
from engine import Engine, engine_in

from stacks.planned import planned
from stacks.render import rendered
from stacks.stackfile import StackFile, read_stack_file

pytestmark = pytest.mark.engine

KUBERNETES = "kubernetes:"
WITHOUT_PODS = {
    "pulumi:pulumi:Stack",
    "pulumi:providers:kubernetes",
    "tritonup:security:ServingNamespace",
    "tritonup:serving:Server",
    "kubernetes:core/v1:Namespace",
    "kubernetes:core/v1:ResourceQuota",
    "kubernetes:core/v1:LimitRange",
    "kubernetes:core/v1:ServiceAccount",
    "kubernetes:scheduling.k8s.io/v1:PriorityClass",
    "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    "kubernetes:policy/v1:PodDisruptionBudget",
    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
    "kubernetes:core/v1:ConfigMap",
    "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy",
    "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding",
}
"""What is done without a node on which pods run: the engine waits for Deployments, Services and claims."""

Object = tuple[str, str | None, str]


NAMESPACE = f"tritonup-test-{os.getpid()}"
"""This test run's own, so that a cluster where the stack is deployed is left alone."""


def _local(engine: Engine, kubeconfig: Path) -> Engine:
    engine.edit("local", "namespace: tritonup-local", f"namespace: {NAMESPACE}")
    engine.use("local", kubeconfig)
    return engine


@pytest.fixture
def local(engine: Engine, kubeconfig: Path, cluster: ClusterApi) -> Iterator[Engine]:
    """The local stack, ready to be deployed on the cluster. What it made there is gone afterwards."""
    assert cluster.get(f"/api/v1/namespaces/{NAMESPACE}") is None
    yield _local(engine, kubeconfig)
    if engine.resources("local"):
        engine.run("destroy", "--stack", "local", "--yes", "--skip-preview")


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    engine: Engine
    steps: list[dict[str, Any]]


@pytest.fixture(scope="module")
def previewed(usable_engine: None, tmp_path_factory: pytest.TempPathFactory, kubeconfig: Path) -> Previewed:
    """What one preview of the local stack says."""
    engine = _local(engine_in(tmp_path_factory.mktemp("preview")), kubeconfig)
    return Previewed(engine=engine, steps=engine.steps("--stack", "local"))


def _rendered(engine: Engine, stack: str) -> dict[Object, Mapping[str, Any]]:
    """What `tritonup render` lists for the stack file as it is."""
    file = read_stack_file(engine.project, stack)
    assert isinstance(file, StackFile), file
    manifests = rendered(planned(file.settings, engine.project), stack)
    return {(one.kind, one.namespace, one.name): one.body for one in manifests}


def _inputs(steps: list[dict[str, Any]]) -> dict[Object, Mapping[str, Any]]:
    found: dict[Object, Mapping[str, Any]] = {}
    for step in steps:
        state = step["newState"]
        if state["type"].startswith(KUBERNETES):
            metadata = state["inputs"]["metadata"]
            found[state["inputs"]["kind"], metadata.get("namespace"), metadata["name"]] = state["inputs"]
    return found


def _stated(value: Any) -> Any:
    """Without fields that state their type's zero value: the provider leaves out those that mean the same unset."""
    match value:
        case Mapping():
            inside = {key: _stated(inner) for key, inner in value.items()}
            return {key: inner for key, inner in inside.items() if inner is not False and inner not in ("", [], {})}
        case list():
            return [_stated(inner) for inner in value]
        case _:
            return value


def test_a_preview_plans_to_create_exactly_what_render_lists(previewed: Previewed) -> None:
    assert {step["op"] for step in previewed.steps} == {"create"}
    planned_by_engine = _inputs(previewed.steps)
    assert _stated(planned_by_engine) == _stated(_rendered(previewed.engine, "local"))
    # Here nothing and "nothing stated" differ: without it the cluster's default class would make a volume.
    assert planned_by_engine["PersistentVolumeClaim", NAMESPACE, "models"]["spec"]["storageClassName"] == ""


def test_every_object_is_made_by_the_provider_of_the_cluster_that_the_stack_names(previewed: Previewed) -> None:
    states = [step["newState"] for step in previewed.steps if step["newState"]["type"].startswith(KUBERNETES)]
    assert states
    # Never by a provider for whichever cluster is current.
    assert all("::pulumi:providers:kubernetes::cluster::" in state["provider"] for state in states)


def test_the_engine_waits_as_long_as_planned_for_what_becomes_ready(previewed: Previewed) -> None:
    file = read_stack_file(previewed.engine.project, "local")
    assert isinstance(file, StackFile)
    (server,) = planned(file.settings, previewed.engine.project).servers
    timeout = max(lane.patience.pulumi_timeout.value for lane in server.lanes)
    waited = {
        state["type"]: state["customTimeouts"]
        for step in previewed.steps
        if "customTimeouts" in (state := step["newState"])
    }
    assert waited == {
        "kubernetes:apps/v1:Deployment": {"create": timeout, "update": timeout},
        "kubernetes:core/v1:Service": {"create": timeout, "update": timeout},
    }


def test_a_pod_starts_in_a_closed_namespace_and_its_scaler_does_not_wait_for_it(previewed: Previewed) -> None:
    needs = {step["newState"]["urn"]: step["newState"].get("dependencies", []) for step in previewed.steps}
    (deployment,) = [urn for urn in needs if "apps/v1:Deployment" in urn]
    (scaler,) = [urn for urn in needs if "HorizontalPodAutoscaler" in urn]
    (deny,) = [urn for urn in needs if urn.endswith("::serving-default-deny")]
    assert deny in needs[deployment]
    # Pulumi waits for the replicas that the scaler asks for: they must not wait for each other.
    assert deployment not in needs[scaler]


def test_a_stack_file_with_an_error_is_refused_with_the_finding_and_nothing_is_made(
    local: Engine, cluster: ClusterApi
) -> None:
    local.edit("local", "slowest_request:", "slowest_requests:")
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        ran = local.run(*command, "--stack", "local")
        assert ran.code != 0
        assert "servers.triton.drain.slowest_requests: 'slowest_requests' is not a field here." in ran.output
        assert "[TU101]" in ran.output
        assert "Traceback" not in ran.output
    assert local.resources("local") == []
    assert cluster.get(f"/api/v1/namespaces/{NAMESPACE}") is None


def test_a_plan_with_an_error_is_refused_with_the_finding_and_nothing_is_made(local: Engine) -> None:
    local.edit("local", "memory: 4Gi", "memory: 64Mi")
    ran = local.run("up", "--yes", "--skip-preview", "--stack", "local")
    assert ran.code != 0
    assert "servers.triton.resources.memory: 64Mi is less than" in ran.output
    assert "[TU402]" in ran.output
    assert "Traceback" not in ran.output
    assert local.resources("local") == []


def test_a_kubeconfig_that_is_not_there_is_named(engine: Engine, tmp_path: Path) -> None:
    engine.use("local", tmp_path / "missing")
    ran = engine.run("preview", "--stack", "local")
    assert ran.code != 0
    assert f"tritonup:kubeconfig: '{tmp_path / 'missing'}' cannot be read" in ran.output
    assert "Traceback" not in ran.output


def test_what_needs_no_pods_is_made_is_left_alone_by_a_second_run_and_goes(local: Engine, cluster: ClusterApi) -> None:
    steps = local.steps("--stack", "local")
    targets = [
        argument
        for step in steps
        if step["newState"]["type"] in WITHOUT_PODS
        for argument in ("--target", step["newState"]["urn"])
    ]
    local.succeed("up", "--yes", "--skip-preview", "--stack", "local", *targets)
    made = cluster.get(f"/api/v1/namespaces/{NAMESPACE}")
    assert made is not None
    assert made["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    networking = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies"
    closed = cluster.get(f"{networking}/default-deny")
    assert closed is not None
    assert closed["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    scaler = cluster.get(f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers/triton-floor")
    assert scaler is not None
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (1, 1)

    again = local.steps("--stack", "local", *targets)
    assert {step["op"] for step in again} == {"same"}

    local.succeed("destroy", "--yes", "--skip-preview", "--stack", "local")
    assert local.resources("local") == []
    gone = cluster.get(f"/api/v1/namespaces/{NAMESPACE}")
    assert gone is None or "deletionTimestamp" in gone["metadata"]
    assert cluster.get(f"/apis/scheduling.k8s.io/v1/priorityclasses/{NAMESPACE}-serving") is None
