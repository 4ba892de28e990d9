"""What people may do in the serving namespace, and how much it may ask for, asked of the real API server."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest
from cluster_stacks import RenderedStack, stack
from plain_containers import container

from local.cluster.kubectl import Kubectl, Object
from planning.quota import GPU

GROUPS = {"viewers": "seers", "ml_engineers": "builders", "operators": "keepers"}
NEEDED = {
    "Namespace",
    "Role",
    "RoleBinding",
    "ResourceQuota",
    "LimitRange",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ServiceAccount",
    "PriorityClass",
}
HOLDS_WITHIN_S = 30.0

QUESTIONS: Mapping[str, tuple[str, str, str, str]] = {
    "see pods": ("list", "", "pods", ""),
    "see Deployments": ("watch", "apps", "deployments", ""),
    "see Jobs": ("list", "batch", "jobs", ""),
    "read logs": ("get", "", "pods", "log"),
    "roll a Deployment out": ("patch", "apps", "deployments", ""),
    "scale": ("patch", "apps", "deployments", "scale"),
    "evict a pod": ("create", "", "pods", "eviction"),
    "delete a pod": ("delete", "", "pods", ""),
    "read Secrets": ("get", "", "secrets", ""),
    "list Secrets": ("list", "", "secrets", ""),
    "run commands in a pod": ("create", "", "pods", "exec"),
    "attach to a pod": ("create", "", "pods", "attach"),
    "forward a port": ("create", "", "pods", "portforward"),
    "debug a pod": ("patch", "", "pods", "ephemeralcontainers"),
    "take a token": ("create", "", "serviceaccounts", "token"),
    "delete a Deployment": ("delete", "apps", "deployments", ""),
    "give rights": ("create", "rbac.authorization.k8s.io", "rolebindings", ""),
    "open the network": ("create", "networking.k8s.io", "networkpolicies", ""),
    "raise the quota": ("update", "", "resourcequotas", ""),
}
"""Verb, API group, resource, subresource."""

SEES = {"see pods", "see Deployments", "see Jobs"}
MAY = {
    "seers": SEES,
    "builders": SEES | {"read logs", "roll a Deployment out"},
    "keepers": SEES | {"read logs", "roll a Deployment out", "scale", "evict a pod", "delete a pod"},
    "strangers": set[str](),
}


@pytest.fixture(scope="module")
def shared(kubectl: Kubectl, custom_kinds: None) -> Generator[RenderedStack]:
    """Stack `dev` without its pods, in a namespace of its own, with a group for each role."""

    def edit(settings: dict[str, Any]) -> None:
        settings["namespace"] = "tritonup-people"
        settings.setdefault("security", {})["people"] = {role: [group] for role, group in GROUPS.items()}

    rendered = stack("dev", edit)
    bodies = [body for body in rendered.objects if body["kind"] in NEEDED]
    namespaces = [body for body in bodies if body["kind"] == "Namespace"]
    try:
        kubectl.apply(*namespaces)
        kubectl.apply(*(body for body in bodies if body["kind"] != "Namespace"))
        yield rendered
    finally:
        for body in reversed(bodies):
            kubectl.run("delete", "--filename=-", "--ignore-not-found", "--wait=false", stdin=json.dumps(body))


def allowed(kubectl: Kubectl, namespace: str, group: str) -> set[str]:
    reviews = [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "LocalSubjectAccessReview",
            "metadata": {"namespace": namespace},
            "spec": {
                "user": "somebody",
                "groups": [group],
                "resourceAttributes": {
                    "namespace": namespace,
                    "verb": verb,
                    "group": api,
                    "resource": resource,
                    "subresource": subresource,
                },
            },
        }
        for verb, api, resource, subresource in QUESTIONS.values()
    ]
    asked = {"apiVersion": "v1", "kind": "List", "items": reviews}
    # A word for each: kubectl writes what it made one after the other.
    told = kubectl.run("create", "--filename=-", "--output=jsonpath={.status.allowed} ", stdin=json.dumps(asked))
    return {question for question, answer in zip(QUESTIONS, told.split(), strict=True) if answer == "true"}


@pytest.mark.parametrize("group", MAY)
def test_a_group_may_do_what_its_role_says_and_nothing_else(
    kubectl: Kubectl, shared: RenderedStack, group: str
) -> None:
    assert allowed(kubectl, shared.plan.namespace, group) == MAY[group]
    assert allowed(kubectl, "default", group) == set()


def test_who_may_roll_out_a_deployment_cannot_have_its_pods_read_a_secret(
    kubectl: Kubectl, shared: RenderedStack
) -> None:
    where = f"--namespace={shared.plan.namespace}"
    kubectl.run("create", "secret", "generic", "hidden", where, "--from-literal=word=x")
    (deployment, *_) = shared.of_kind("Deployment")
    idle = {**deployment, "spec": {**deployment["spec"], "replicas": 0}}
    kubectl.apply(idle)
    name, first = deployment["metadata"]["name"], deployment["spec"]["template"]["spec"]["containers"][0]["name"]
    builder = ("--as=somebody", "--as-group=builders")

    def patched(pod: Mapping[str, Any]) -> str:
        patch = json.dumps({"spec": {"template": {"spec": pod}}})
        return kubectl.attempt("patch", "deployment", name, where, *builder, f"--patch={patch}").stderr

    try:
        ways: Sequence[Mapping[str, Any]] = (
            {"volumes": [{"name": "taken", "secret": {"secretName": "hidden"}}]},
            {"volumes": [{"name": "taken", "projected": {"sources": [{"secret": {"name": "hidden"}}]}}]},
            {"containers": [{"name": first, "envFrom": [{"secretRef": {"name": "hidden"}}]}]},
            {
                "containers": [
                    {
                        "name": first,
                        "env": [{"name": "W", "valueFrom": {"secretKeyRef": {"name": "hidden", "key": "word"}}}],
                    }
                ]
            },
        )
        deadline = time.monotonic() + HOLDS_WITHIN_S
        for pod in ways:
            while "no pod reads a Secret" not in (told := patched(pod)):
                assert time.monotonic() < deadline, told
                time.sleep(0.2)
        kubectl.run("rollout", "restart", f"deployment/{name}", where, *builder)
    finally:
        kubectl.run("delete", "secret/hidden", f"deployment/{name}", where)


def test_the_quota_holds_and_a_container_requests_the_least_where_it_says_nothing(
    kubectl: Kubectl, shared: RenderedStack
) -> None:
    most = shared.plan.quota.most[GPU].value
    taken = pod(shared, "taken", {"resources": {"limits": {"nvidia.com/gpu": str(most + 1)}}})
    told = kubectl.attempt("create", "--dry-run=server", "--filename=-", stdin=json.dumps(taken))
    assert f"exceeded quota: serving, requested: {GPU}={most + 1}" in told.stderr
    least = {"cpu": "100m", "memory": "128Mi"}
    for said, becomes in (({}, least), ({"cpu": "2", "memory": "1Gi"}, {"cpu": "2", "memory": "1Gi"})):
        plain = json.dumps(pod(shared, "plain", {"resources": {"requests": said}}))
        made = kubectl.run("create", "--dry-run=server", "--filename=-", "--output=json", stdin=plain)
        assert json.loads(made)["spec"]["containers"][0]["resources"] == {"requests": becomes}


def pod(rendered: RenderedStack, name: str, more: Mapping[str, Any]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": rendered.plan.namespace},
        "spec": {"containers": [{**container(), **more}]},
    }
