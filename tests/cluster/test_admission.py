"""The API server itself judges what is rendered: restricted Pod Security, schemas, admission."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Generator
from typing import Any

import pytest
from cluster_stacks import RenderedStack, stack

from local.cluster.kubectl import Kubectl, Object

Tamper = Callable[[dict[str, Any], dict[str, Any]], None]
"""Changes a pod's spec; its first container is given beside it."""

TAMPERED: dict[str, Tamper] = {
    "privileged": lambda pod, c: c["securityContext"].update(privileged=True, allowPrivilegeEscalation=True),
    "privilege escalation": lambda pod, c: c["securityContext"].update(allowPrivilegeEscalation=True),
    "a capability": lambda pod, c: c["securityContext"].update(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    "capabilities kept": lambda pod, c: c["securityContext"].pop("capabilities"),
    "root": lambda pod, c: (pod["securityContext"].update(runAsUser=0), c["securityContext"].pop("runAsNonRoot")),
    "no word on root": lambda pod, c: (
        pod["securityContext"].pop("runAsNonRoot", None),
        c["securityContext"].pop("runAsNonRoot", None),
    ),
    "no seccomp profile": lambda pod, c: (
        pod["securityContext"].update(seccompProfile={"type": "Unconfined"}),
        c["securityContext"].pop("seccompProfile", None),
    ),
    "a path of the host": lambda pod, c: pod["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    "the host's network": lambda pod, c: pod.update(hostNetwork=True),
    "the host's processes": lambda pod, c: pod.update(hostPID=True),
    "a port of the host": lambda pod, c: c["ports"][0].update(hostPort=c["ports"][0]["containerPort"]),
}


@pytest.fixture(scope="module", params=["local", "dev", "prod"])
def admitted(request: pytest.FixtureRequest, kubectl: Kubectl, pod_monitors: None) -> Generator[RenderedStack]:
    """A stack whose namespace and priorities are there: pods are judged by both."""
    rendered = stack(request.param)
    first = [body for body in rendered.objects if body["kind"] in {"Namespace", "PriorityClass", "ServiceAccount"}]
    kubectl.apply(*first)
    yield rendered
    for body in reversed(first):
        kubectl.run("delete", "--filename=-", "--ignore-not-found", stdin=json.dumps(body))


def judged(kubectl: Kubectl, body: Object) -> tuple[bool, str]:
    """Whether the API server would take it, and what it says."""
    told = kubectl.attempt("create", "--dry-run=server", "--filename=-", stdin=json.dumps(body))
    return told.returncode == 0, told.stderr


def test_every_object_is_admitted_without_a_warning(kubectl: Kubectl, admitted: RenderedStack) -> None:
    for body in admitted.objects:
        if body["kind"] in {"Namespace", "PriorityClass", "ServiceAccount"}:
            continue
        assert judged(kubectl, body) == (True, ""), body["metadata"]["name"]


def test_every_pod_is_admitted_under_restricted_pod_security(kubectl: Kubectl, admitted: RenderedStack) -> None:
    assert admitted.pods()
    for pod in admitted.pods():
        assert judged(kubectl, pod) == (True, ""), pod["metadata"]["name"]


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_pod_is_refused(kubectl: Kubectl, admitted: RenderedStack, name: str) -> None:
    for pod in admitted.pods():
        tampered = copy.deepcopy(dict(pod))
        TAMPERED[name](tampered["spec"], tampered["spec"]["containers"][0])
        taken, told = judged(kubectl, tampered)
        assert not taken
        assert 'violates PodSecurity "restricted:' in told


def test_an_unknown_field_is_refused(kubectl: Kubectl, admitted: RenderedStack) -> None:
    for body in admitted.of_kind("Deployment"):
        tampered = copy.deepcopy(dict(body))
        tampered["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
        taken, told = judged(kubectl, tampered)
        assert not taken
        assert "readinesProbe" in told
