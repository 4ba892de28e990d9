"""The Prometheus operator and its Prometheus as a variant of stack prod installs them: what they are told, where they
stand, what they may do, and what waits for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from closed_schemas import closed
from installing import Asked, asked_of
from pod_security import violations
from recorded_eks import planned_eks
from rendered_stack import Body, RenderedStack, changed_stack, container_of, pod_of

from components.controllers.definitions import definition_of
from components.controllers.prometheus_operator import DEFINITIONS, arguments
from planning.prometheus import PROMETHEUS_IMAGE, RELOADER_IMAGE, PlannedPrometheus

GROUP = "monitoring.coreos.com"


def _install(raw: dict[str, Any]) -> None:
    raw["controllers"]["prometheus_operator"] = "install"


@pytest.fixture(scope="module")
def prod(assembled_models: None) -> RenderedStack:
    return changed_stack("prod", _install)


def installed(stack: RenderedStack) -> PlannedPrometheus:
    assert stack.plan.prometheus is not None
    return stack.plan.prometheus


def deployment(stack: RenderedStack) -> Body:
    return stack.one("Deployment", "prometheus-operator")


def prometheus(stack: RenderedStack) -> Body:
    return stack.one("Prometheus", "prometheus")


def rules_of(stack: RenderedStack, kind: str, name: str, namespace: str | None = None) -> list[Mapping[str, Any]]:
    found = [each for each in stack.of(kind) if (each.name, each.namespace) == (name, namespace)]
    return [rule for each in found for rule in each.body["rules"]]


def test_every_monitor_of_the_stack_is_one_that_prometheus_selects(prod: RenderedStack) -> None:
    spec = prometheus(prod)["spec"]
    where = spec["podMonitorNamespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    for monitor in prod.of("PodMonitor"):
        assert monitor.namespace == where
        assert spec["podMonitorSelector"]["matchLabels"].items() <= monitor.body["metadata"]["labels"].items()


def test_the_operator_follows_the_servers_namespace_and_its_own_and_no_other(prod: RenderedStack) -> None:
    told = container_of(deployment(prod))["args"]
    assert told == arguments(installed(prod))
    own, servers = deployment(prod)["metadata"]["namespace"], prod.plan.namespace
    assert f"--namespaces={own},{servers}" in told
    assert f"--prometheus-instance-namespaces={own}" in told
    (spaces,) = [
        rule for rule in rules_of(prod, "ClusterRole", "prometheus-operator") if "namespaces" in rule["resources"]
    ]
    assert (spaces["verbs"], spaces["resourceNames"]) == (["get"], [own, servers])


def test_it_writes_nowhere_but_in_its_own_namespace_and_reads_no_secret_of_the_servers(prod: RenderedStack) -> None:
    anywhere = rules_of(prod, "ClusterRole", "prometheus-operator")
    writing = [rule for rule in anywhere if {"create", "update", "patch", "delete"} & set(rule["verbs"])]
    assert [rule["resources"] for rule in writing] == [["events"]]
    among_servers = rules_of(prod, "Role", "prometheus-operator", prod.plan.namespace)
    assert [rule["apiGroups"] for rule in among_servers] == [[GROUP]]
    assert {verb for rule in among_servers for verb in rule["verbs"]} == {"get", "list", "watch"}
    inside = rules_of(prod, "Role", "prometheus-operator", installed(prod).namespace)
    for rule in (*anywhere, *among_servers, *inside):
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_it_reads_no_secret_but_those_that_it_makes(prod: RenderedStack) -> None:
    """The key that the adapter serves with is in the same namespace."""
    inside = rules_of(prod, "Role", "prometheus-operator", installed(prod).namespace)
    of_secrets = [rule for rule in inside if "secrets" in rule["resources"]]
    assert all(rule["resources"] == ["secrets"] for rule in of_secrets)
    assert [rule["verbs"] for rule in of_secrets if "resourceNames" not in rule] == [["create"]]
    named = {name for rule in of_secrets for name in rule.get("resourceNames", [])}
    # As it names them (prometheus-operator v0.93.0, pkg/prometheus/common.go, `PrefixedName`).
    assert all(name.startswith(f"prometheus-{prometheus(prod)['metadata']['name']}") for name in named)
    # A list of one name is allowed to whoever asks for that one, which its flag does.
    (watched,) = [rule for rule in of_secrets if {"list", "watch"} & set(rule["verbs"])]
    (name,) = watched["resourceNames"]
    assert f"--secret-field-selector=metadata.name={name}" in container_of(deployment(prod))["args"]


def test_prometheus_finds_the_servers_pods_and_may_nothing_else(prod: RenderedStack) -> None:
    roles = [each for each in prod.of("Role", "ClusterRole") if each.name == "prometheus"]
    assert [(each.kind, each.namespace) for each in roles] == [("Role", prod.plan.namespace)]
    assert roles[0].body["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
    (subject,) = prod.one("RoleBinding", "prometheus")["subjects"]
    assert (subject["name"], subject["namespace"]) == (
        prometheus(prod)["spec"]["serviceAccountName"],
        installed(prod).namespace,
    )


def test_all_images_are_named_by_a_digest(prod: RenderedStack) -> None:
    named = [
        container_of(deployment(prod))["image"],
        prometheus(prod)["spec"]["image"],
        *(arg.partition("=")[2] for arg in arguments(installed(prod)) if "reloader=" in arg),
    ]
    assert named == [image.value.by_digest for image in _in_order(installed(prod))]
    assert all("@sha256:" in image for image in named)


def _in_order(planned: PlannedPrometheus) -> list[Any]:
    rest = [name for name in planned.images if name not in (PROMETHEUS_IMAGE, RELOADER_IMAGE)]
    return [planned.images[name] for name in (*rest, PROMETHEUS_IMAGE, RELOADER_IMAGE)]


def test_pods_are_restricted_the_operators_and_what_is_said_of_those_of_prometheus(prod: RenderedStack) -> None:
    template = deployment(prod)["spec"]["template"]
    assert violations(template["metadata"], template["spec"]) == []
    assert container_of(deployment(prod))["securityContext"]["readOnlyRootFilesystem"] is True
    # As the operator makes them (prometheus-operator v0.93.0, pkg/prometheus/server/statefulset.go).
    by_the_operator = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    containers = [{"name": name, "securityContext": by_the_operator} for name in ("prometheus", "config-reloader")]
    pod = {"securityContext": prometheus(prod)["spec"]["securityContext"], "containers": containers}
    assert violations({}, pod) == []
    namespace = prod.one("Namespace", installed(prod).namespace)["metadata"]["labels"]
    assert namespace["pod-security.kubernetes.io/enforce"] == "restricted"


def test_they_stand_on_system_nodes(prod: RenderedStack) -> None:
    labels = planned_eks(prod.plan).system.labels
    for selector in (pod_of(deployment(prod))["nodeSelector"], prometheus(prod)["spec"]["nodeSelector"]):
        assert selector.items() >= labels.items()


def test_their_namespace_is_closed_but_for_what_the_plan_lists(prod: RenderedStack) -> None:
    policies = {
        each.name: each.body["spec"] for each in prod.of("NetworkPolicy") if each.namespace == installed(prod).namespace
    }
    assert set(policies) == {"default-deny", "prometheus-operator", "prometheus"}
    assert policies["default-deny"]["podSelector"] == {}
    assert not policies["prometheus-operator"].get("ingress")
    assert policies["prometheus-operator"]["podSelector"] == deployment(prod)["spec"]["selector"]
    (asked,) = policies["prometheus"]["ingress"]
    assert asked["ports"] == [{"port": 9090, "protocol": "TCP"}]
    assert asked["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus-adapter"}}}]
    server = prod.one("NetworkPolicy", "vision")["spec"]["ingress"]
    scraped = [rule for rule in server if rule["ports"] == [{"port": 8002, "protocol": "TCP"}]]
    assert scraped[0]["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": installed(prod).namespace}}}
    ]


def test_every_kind_of_the_group_that_is_rendered_has_its_definition(prod: RenderedStack) -> None:
    defined = {read["spec"]["names"]["kind"] for read in map(definition_of, DEFINITIONS)}
    rendered = {each.kind for each in prod.manifests if str(each.body["apiVersion"]).startswith(f"{GROUP}/")}
    assert rendered == {"Prometheus", "PodMonitor"} <= defined


def _judged(body: Body) -> list[str]:
    """What the definition says of `body`, its metadata apart. Its rules in CEL are an API server's to judge."""
    (read,) = [each for each in map(definition_of, DEFINITIONS) if each["spec"]["names"]["kind"] == body["kind"]]
    (served,) = [version for version in read["spec"]["versions"] if version["name"] == "v1"]
    whole = {key: inner for key, inner in body.items() if key in ("apiVersion", "kind", "spec")}
    schema = closed(served["schema"]["openAPIV3Schema"])
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(whole)]


def test_objects_of_its_kinds_fit_their_definitions_with_no_field_that_would_be_dropped(prod: RenderedStack) -> None:
    for each in prod.of("Prometheus", "PodMonitor"):
        assert _judged(each.body) == []


@pytest.mark.parametrize("storage", [{"kind": "node", "size": "4Gi"}, {"kind": "volume", "size": "20Gi"}])
def test_prometheus_fits_its_definition_however_it_is_kept(storage: dict[str, Any], assembled_models: None) -> None:
    def kept(raw: dict[str, Any]) -> None:
        _install(raw)
        named = {"storage_class": "gp3"} if storage["kind"] == "volume" else {}
        raw["monitoring"]["prometheus"] = {"replicas": 2, "storage": {**storage, **named}}

    assert _judged(prometheus(changed_stack("prod", kept))) == []


def test_a_misspelt_field_would_be_found(prod: RenderedStack) -> None:
    spec = prometheus(prod)["spec"]
    wrong = {**prometheus(prod), "spec": {**spec, "podMonitorSelecter": {}, "retention": "a day"}}
    assert len(_judged(wrong)) == 2


def test_a_second_prometheus_stands_on_another_node_and_one_of_two_stays(assembled_models: None) -> None:
    def two(raw: dict[str, Any]) -> None:
        _install(raw)
        raw["monitoring"]["prometheus"] = {"replicas": 2}

    stack = changed_stack("prod", two)
    spec = prometheus(stack)["spec"]
    (apart,) = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    budget = stack.one("PodDisruptionBudget", "prometheus")["spec"]
    assert (spec["replicas"], apart["topologyKey"], budget["maxUnavailable"]) == (2, "kubernetes.io/hostname", 1)
    assert apart["labelSelector"] == budget["selector"]


@pytest.fixture
def asked(prod: RenderedStack, monkeypatch: pytest.MonkeyPatch) -> Asked:
    return asked_of(prod.plan, monkeypatch)


def test_what_it_acts_on_is_made_after_it_and_gone_before_it(asked: Asked, prod: RenderedStack) -> None:
    names = [each.name for each in prod.of("PodMonitor")]
    wanted = [("Prometheus", "prometheus-object"), *(("PodMonitor", f"{name}-monitor") for name in names)]
    acted_on = [asked.waits_for[one] for one in wanted]
    assert len(acted_on) == len(prod.of("PodMonitor", "Prometheus"))
    for waits in acted_on:
        assert "prometheus-operator-deployment" in waits
    first = asked.waits_for["Deployment", "prometheus-operator-deployment"]
    kinds = ("account", "may-anywhere", "may-own", "may-watched", "network")
    assert {f"prometheus-operator-{name}" for name in (*DEFINITIONS, *kinds)} <= first


def test_its_definitions_outlive_the_stack(asked: Asked) -> None:
    assert {name for name in asked.stays if GROUP in name} == {f"prometheus-operator-{name}" for name in DEFINITIONS}
