"""prometheus-adapter as a variant of stack prod installs it: it serves the metric that the stack's scalers ask for, and
its API is announced while it does. Its image has no confirmed digest yet: here one is made up."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml
from installing import asked_of
from pod_security import violations
from recorded_eks import planned_eks
from rendered_stack import (
    Body,
    RenderedStack,
    container_of,
    example_repository,
    pod_of,
    raw_settings,
    rendered_plan,
)

from components.controllers.prometheus_adapter import arguments
from planning.catalogue import CATALOGUE
from planning.images import Confirmed, ImageLock, PublicFile, Published, image_lock
from planning.planner import plan
from planning.prometheus_adapter import IMAGE, PORT, PlannedAdapter
from planning.settings.reading import read_settings
from planning.settings.root import Settings

CALLED = "prometheus-adapter"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBfjCCASWgAwIBAgIU\n-----END CERTIFICATE-----\n"


def _lock() -> ImageLock:
    (entry,) = image_lock().named(IMAGE)
    assert isinstance(entry, Published)
    seen = PublicFile(repository="a", path="test", commit="0" * 40, on=None, shows="nothing")
    made_up = Confirmed(digest=f"sha256:{'4' * 64}", kind="unknown", platforms={}, seen=(seen,))
    return image_lock().holding(replace(entry, evidence=made_up))


def _installing(monitoring: Mapping[str, Any] | None = None) -> RenderedStack:
    raw = raw_settings("prod")
    raw["controllers"].update(prometheus_operator="install", prometheus_adapter="install")
    raw["monitoring"].update(monitoring or {})
    raw["accept"] = []
    settings = read_settings(raw)
    assert isinstance(settings, Settings), settings
    decided = plan(settings, example_repository(), CATALOGUE, _lock())
    return rendered_plan("prod", replace(decided, findings=decided.errors))


@pytest.fixture(scope="module")
def prod(assembled_models: None) -> RenderedStack:
    return _installing()


def installed(stack: RenderedStack) -> PlannedAdapter:
    assert stack.plan.adapter is not None
    return stack.plan.adapter


def deployment(stack: RenderedStack) -> Body:
    return stack.one("Deployment", CALLED)


def test_its_rule_serves_the_very_metric_that_the_scalers_ask_for(prod: RenderedStack) -> None:
    (rule,) = yaml.safe_load(prod.one("ConfigMap", CALLED)["data"]["config.yaml"])["rules"]
    asked = [
        metric["pods"]["metric"]["name"]
        for scaler in prod.of("HorizontalPodAutoscaler")
        for metric in scaler.body["spec"]["metrics"]
        if metric["type"] == "Pods"
    ]
    assert asked
    # Without a rule of names a metric is called as its series are.
    assert "name" not in rule
    assert {rule["seriesQuery"].partition("{")[0]} == set(asked)
    assert rule["resources"] == {"overrides": {kind: {"resource": kind} for kind in ("namespace", "pod")}}


def test_it_asks_the_prometheus_of_the_stack_and_may_reach_it(prod: RenderedStack) -> None:
    told = container_of(deployment(prod))["args"]
    assert told == arguments(installed(prod))
    service = prod.one("Service", "prometheus")
    where = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert f"--prometheus-url=http://{where}:{service['spec']['ports'][0]['port']}" in told
    policy = prod.one("NetworkPolicy", CALLED)["spec"]
    to = [peer for rule in policy["egress"] for peer in rule["to"] if "podSelector" in peer]
    (prometheus,) = [peer["podSelector"]["matchLabels"] for peer in to if "namespaceSelector" not in peer]
    assert prometheus.items() <= service["spec"]["selector"].items()
    (asked,) = prod.one("NetworkPolicy", "prometheus")["spec"]["ingress"]
    (caller,) = [peer["podSelector"]["matchLabels"] for peer in asked["from"]]
    assert caller.items() <= deployment(prod)["spec"]["template"]["metadata"]["labels"].items()


def test_anybody_may_call_its_one_port_because_no_policy_can_name_an_api_server(prod: RenderedStack) -> None:
    (rule,) = prod.one("NetworkPolicy", CALLED)["spec"]["ingress"]
    assert rule == {"ports": [{"port": PORT, "protocol": "TCP"}]}
    (port,) = container_of(deployment(prod))["ports"]
    assert port["containerPort"] == PORT


def test_it_lists_the_servers_pods_and_has_no_right_more_than_every_api_server_of_its_kind(prod: RenderedStack) -> None:
    (role,) = [each for each in prod.of("Role", "ClusterRole") if each.name.startswith(CALLED)]
    assert (role.kind, role.namespace) == ("Role", prod.plan.namespace)
    assert role.body["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    bound = {
        each.body["roleRef"]["name"]: each.body["subjects"]
        for each in prod.of("RoleBinding", "ClusterRoleBinding")
        if each.name.startswith(CALLED)
    }
    assert set(bound) == {CALLED, "system:auth-delegator", "extension-apiserver-authentication-reader"}
    who = {"kind": "ServiceAccount", "name": CALLED, "namespace": installed(prod).namespace}
    assert list(bound.values()) == [[who]] * 3


def test_its_pods_are_restricted_on_two_system_nodes_and_of_one_digest(prod: RenderedStack) -> None:
    template = deployment(prod)["spec"]["template"]
    assert violations(template["metadata"], template["spec"]) == []
    container = container_of(deployment(prod))
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["image"] == installed(prod).image.value.by_digest
    pod = pod_of(deployment(prod))
    assert pod["nodeSelector"].items() >= planned_eks(prod.plan).system.labels.items()
    (apart,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    budget = prod.one("PodDisruptionBudget", CALLED)["spec"]
    assert (deployment(prod)["spec"]["replicas"], apart["topologyKey"]) == (2, "kubernetes.io/hostname")
    assert apart["labelSelector"] == budget["selector"] == deployment(prod)["spec"]["selector"]


def test_its_api_is_announced_for_its_service_unchecked_by_default(prod: RenderedStack) -> None:
    api = prod.one("APIService", "v1beta1.custom.metrics.k8s.io")["spec"]
    assert (api["group"], api["version"]) == ("custom.metrics.k8s.io", "v1beta1")
    service = prod.one("Service", CALLED)
    assert api["service"] == {
        "name": service["metadata"]["name"],
        "namespace": service["metadata"]["namespace"],
        "port": service["spec"]["ports"][0]["port"],
    }
    assert api["insecureSkipTLSVerify"] is True
    assert "caBundle" not in api


def test_with_a_certificate_of_the_users_it_is_checked_and_served(assembled_models: None) -> None:
    given = {"kind": "secret", "name": "serving", "authority": CERTIFICATE}
    stack = _installing({"certificate": given})
    api = stack.one("APIService", "v1beta1.custom.metrics.k8s.io")["spec"]
    assert base64.b64decode(api["caBundle"]).decode() == CERTIFICATE
    assert "insecureSkipTLSVerify" not in api
    (volume,) = [each for each in pod_of(deployment(stack))["volumes"] if "secret" in each]
    assert volume["secret"] == {"secretName": "serving"}
    told = container_of(deployment(stack))["args"]
    assert "--tls-cert-file=/var/run/serving/tls.crt" in told
    assert not [one for one in told if one.startswith("--cert-dir")]


def test_its_api_is_made_after_its_pods_and_gone_before_them(
    prod: RenderedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_of(prod.plan, monkeypatch)
    assert {f"{CALLED}-deployment", f"{CALLED}-service"} <= asked.waits_for["APIService", f"{CALLED}-api"]
    rights = {f"{CALLED}-{name}" for name in ("account", "may", "auth-delegator", "auth-reader", "network")}
    assert rights <= asked.waits_for["Deployment", f"{CALLED}-deployment"]
    scalers = [waits for (kind, _), waits in asked.waits_for.items() if kind == "HorizontalPodAutoscaler"]
    assert scalers
    assert not any(name.startswith(CALLED) for waits in scalers for name in waits)
