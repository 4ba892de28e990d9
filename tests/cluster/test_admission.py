"""The API server itself judges what is rendered: restricted Pod Security, schemas, the stack's own rules on pods."""

from __future__ import annotations

import copy
import json
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from cluster_stacks import RenderedStack, stack
from plain_containers import PINNED, container

from local.cluster.kubectl import Kubectl, Object
from planning.admission import PodRule

Tamper = Callable[[dict[str, Any], dict[str, Any]], object]
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


READ_ONLY, NO_SECRET, BY_DIGEST = PodRule.READ_ONLY_ROOT, PodRule.NO_SECRET, PodRule.IMAGE_BY_DIGEST

AGAINST_A_RULE: dict[str, tuple[PodRule, Tamper]] = {
    "a writable root file system": (
        READ_ONLY,
        lambda pod, c: c["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    "no word on the root file system": (
        READ_ONLY,
        lambda pod, c: c["securityContext"].pop("readOnlyRootFilesystem"),
    ),
    "a Secret in its environment": (
        NO_SECRET,
        lambda pod, c: c.update(env=[{"name": "W", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
    ),
    "all of a Secret in its environment": (NO_SECRET, lambda pod, c: c.update(envFrom=[{"secretRef": {"name": "s"}}])),
    "an image by its tag": (BY_DIGEST, lambda pod, c: c.update(image="registry.example/tool:1")),
    "an image by its name alone": (BY_DIGEST, lambda pod, c: c.update(image="tool")),
    "an image by half a digest": (BY_DIGEST, lambda pod, c: c.update(image="tool@sha256:")),
}
"""What restricted Pod Security admits and the stack's own policy does not."""

VOLUMES: dict[str, tuple[PodRule, dict[str, Any]]] = {
    "a Secret": (NO_SECRET, {"secret": {"secretName": "s"}}),
    "a Secret among others": (
        NO_SECRET,
        {"projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]}},
    ),
    "an image by its tag": (BY_DIGEST, {"image": {"reference": "registry.example/models:1"}}),
}
"""The same of volumes."""

SAYS = {
    READ_ONLY: "can write to its root file system",
    NO_SECRET: "no pod reads a Secret",
    BY_DIGEST: "is named by digest",
}

FIRST = {"Namespace", "PriorityClass", "ServiceAccount"}
POLICY = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}

HOLDS_WITHIN_S = 30.0
"""A policy holds a moment after it is stored: the API server reads it by a watch."""


@pytest.fixture(scope="module", params=["local", "dev", "prod"])
def admitted(request: pytest.FixtureRequest, kubectl: Kubectl, custom_kinds: None) -> Generator[RenderedStack]:
    """A stack whose namespace, priorities and rules are there: pods are judged by all of them."""
    rendered = stack(request.param)
    first = [body for body in rendered.objects if body["kind"] in FIRST]
    kubectl.apply(*first)
    kubectl.apply(replica_set("older", rendered, broken(rendered)))
    kubectl.apply(*(policies := [body for body in rendered.objects if body["kind"] in POLICY]))
    deadline = time.monotonic() + HOLDS_WITHIN_S
    while judged(kubectl, pod_with(rendered, "probe", broken(rendered)))[0]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    yield rendered
    for body in reversed([*first, *policies]):
        kubectl.run("delete", "--filename=-", "--ignore-not-found", stdin=json.dumps(body))


def broken(rendered: RenderedStack) -> dict[str, Any]:
    """One that breaks each of the stack's rules."""
    one = container("bad")
    for rule in rules_of(rendered):
        next(tamper for of, tamper in AGAINST_A_RULE.values() if of is rule)({}, one)
    return one


def rules_of(rendered: RenderedStack) -> list[PodRule]:
    return [rule.value for rule in rendered.plan.pod_rules]


def pod_with(rendered: RenderedStack, name: str, *containers: Object) -> Object:
    metadata = {"name": name, "namespace": rendered.plan.namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": list(containers)}}


def replica_set(name: str, rendered: RenderedStack, *containers: Object) -> Object:
    labels = {"tritonup-test": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": rendered.plan.namespace},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": list(containers)}},
        },
    }


def judged(kubectl: Kubectl, *bodies: Object) -> tuple[bool, str]:
    """Whether the API server would take all of them, and what it says."""
    told = _created(kubectl, bodies)
    return told.returncode == 0, told.stderr


def judged_each(kubectl: Kubectl, bodies: Sequence[Object]) -> list[tuple[bool, str]]:
    """The same of each by itself."""
    told = _created(kubectl, bodies)
    names = [body["metadata"]["name"] for body in bodies]
    said, of = dict.fromkeys(names, ""), names[0]
    for line in told.stderr.splitlines(keepends=True):
        of = next((name for name in names if f'"{name}"' in line), of)
        said[of] += line
    taken = {line.partition(" ")[0].partition("/")[2] for line in told.stdout.splitlines()}
    return [(name in taken, said[name]) for name in names]


def _created(kubectl: Kubectl, bodies: Sequence[Object]) -> subprocess.CompletedProcess[str]:
    listed = {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
    return kubectl.attempt("create", "--dry-run=server", "--filename=-", stdin=json.dumps(listed))


def test_every_object_is_admitted_without_a_warning(kubectl: Kubectl, admitted: RenderedStack) -> None:
    others = [body for body in admitted.objects if body["kind"] not in FIRST | POLICY]
    assert judged(kubectl, *others) == (True, "")


def test_every_pod_is_admitted_under_restricted_pod_security(kubectl: Kubectl, admitted: RenderedStack) -> None:
    assert admitted.pods()
    assert judged(kubectl, *admitted.pods()) == (True, "")


def test_the_rendered_deployments_make_their_pods_unchanged(kubectl: Kubectl, admitted: RenderedStack) -> None:
    """For real: the API server takes each as it is, and lets its controllers make the pods that it says."""
    where = f"--namespace={admitted.plan.namespace}"
    deployments = admitted.of_kind("Deployment")
    kubectl.apply(*deployments)
    try:
        for body in deployments:
            name, template = body["metadata"]["name"], body["spec"]["template"]
            selector = ",".join(f"{key}={value}" for key, value in body["spec"]["selector"]["matchLabels"].items())
            deadline = time.monotonic() + HOLDS_WITHIN_S
            while not (pods := kubectl.items("pods", where, f"--selector={selector}")):
                assert time.monotonic() < deadline, kubectl.get("deployment", name, where)["status"]
                time.sleep(0.2)
            for kind in ("containers", "initContainers"):
                said = {one["name"]: one for one in template["spec"].get(kind, [])}
                made = {one["name"]: one for one in pods[0]["spec"].get(kind, [])}
                assert made.keys() == said.keys()
                for one in said:
                    assert made[one]["image"] == said[one]["image"]
                    assert made[one]["securityContext"] == said[one]["securityContext"]
    finally:
        kubectl.run("delete", "deployments", where, "--all", "--cascade=foreground", "--wait=false")
        kubectl.run("delete", "pods", where, "--all", "--grace-period=0", "--force", "--ignore-not-found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Of one pod: whether the API server would take it, and what it says."""

    pod: Object
    taken: bool
    told: str


Judgements = Mapping[tuple[str, ...], Sequence[Judgement]]


@pytest.fixture(scope="module")
def judgements(kubectl: Kubectl, admitted: RenderedStack) -> Judgements:
    """Of every way to tamper with each of the stack's pods. All are asked for at once: a process of kubectl costs more
    than a hundred judgements."""
    tampered = {
        **{(name,): _tampered(admitted, "containers", 0, tamper) for name, tamper in TAMPERED.items()},
        **{
            (name, where): _tampered(admitted, where, -1, tamper)
            for name, (_, tamper) in AGAINST_A_RULE.items()
            for where in ("containers", "initContainers")
        },
        **{(name, "volumes"): _with_volume(admitted, volume) for name, (_, volume) in VOLUMES.items()},
    }
    pods = [
        {**pod, "metadata": {**pod["metadata"], "name": f"tampered-{number}-{each}"}}
        for number, some in enumerate(tampered.values())
        for each, pod in enumerate(some)
    ]
    judged = iter(zip(pods, judged_each(kubectl, pods), strict=True))
    return {
        name: [Judgement(pod=pod, taken=taken, told=told) for pod, (taken, told) in islice(judged, len(some))]
        for name, some in tampered.items()
    }


def _tampered(rendered: RenderedStack, where: str, which: int, tamper: Tamper) -> list[Object]:
    pods = rendered.pods()
    for pod in pods:
        if where == "initContainers":
            pod["spec"]["initContainers"] = [*pod["spec"].get("initContainers", []), container()]
        tamper(pod["spec"], pod["spec"][where][which])
    return pods


def _with_volume(rendered: RenderedStack, volume: Mapping[str, Any]) -> list[Object]:
    pods = rendered.pods()
    for pod in pods:
        pod["spec"]["volumes"].append({"name": "more", **volume})
    return pods


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_pod_is_refused(judgements: Judgements, name: str) -> None:
    assert judgements[name,]
    for judgement in judgements[name,]:
        assert not judgement.taken
        assert 'violates PodSecurity "restricted:' in judgement.told


@pytest.mark.parametrize("where", ["containers", "initContainers"])
@pytest.mark.parametrize("name", AGAINST_A_RULE)
def test_a_pod_against_a_rule_of_the_stack_is_refused_by_it(
    judgements: Judgements, admitted: RenderedStack, name: str, where: str
) -> None:
    """Pod Security has nothing against it. Stack `local` has no rule on digests: it packs its image itself."""
    rule, _ = AGAINST_A_RULE[name]
    _refused(admitted, rule, judgements[name, where], lambda pod: f"container {pod['spec'][where][-1]['name']} ")


@pytest.mark.parametrize("name", VOLUMES)
def test_a_volume_against_a_rule_of_the_stack_is_refused_by_it(
    judgements: Judgements, admitted: RenderedStack, name: str
) -> None:
    rule, _ = VOLUMES[name]
    _refused(admitted, rule, judgements[name, "volumes"], lambda _: "volume more ")


def _refused(
    rendered: RenderedStack, rule: PodRule, judgements: Sequence[Judgement], named: Callable[[Object], str]
) -> None:
    """By the stack's own rule, which names what breaks it; taken where the stack has none."""
    assert judgements
    for judgement in judgements:
        if rule not in rules_of(rendered):
            assert (judgement.taken, judgement.told) == (True, "")
            continue
        assert not judgement.taken
        assert "PodSecurity" not in judgement.told
        assert named(judgement.pod) in judgement.told
        assert SAYS[rule] in judgement.told


def test_only_a_stack_that_packs_its_image_itself_may_name_it_by_tag(admitted: RenderedStack) -> None:
    wanted = {READ_ONLY, NO_SECRET} | (set() if admitted.name == "local" else {BY_DIGEST})
    assert set(rules_of(admitted)) == wanted


def templates(rendered: RenderedStack, *containers: Object) -> list[Object]:
    """Everything built in that makes pods, with a template of `containers`."""
    replicated = replica_set("made", rendered, *containers)
    template = replicated["spec"]["template"]
    once = {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}
    labels, job = template["metadata"]["labels"], {"template": once}
    chosen = {"selector": {"matchLabels": labels}, "template": template}
    kinds: list[tuple[str, str, Object]] = [
        ("v1", "ReplicationController", {"replicas": 0, "selector": labels, "template": template}),
        ("apps/v1", "ReplicaSet", replicated["spec"]),
        ("apps/v1", "Deployment", chosen),
        ("apps/v1", "StatefulSet", chosen),
        ("apps/v1", "DaemonSet", chosen),
        ("batch/v1", "Job", job),
        ("batch/v1", "CronJob", {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}}),
    ]
    return [
        {"apiVersion": version, "kind": kind, "metadata": replicated["metadata"], "spec": spec}
        for version, kind, spec in kinds
    ]


def test_what_would_make_refused_pods_is_refused_itself(kubectl: Kubectl, admitted: RenderedStack) -> None:
    made = templates(admitted, container("good"), broken(admitted))
    names = [f"made-{number}" for number in range(len(made))]
    renamed = [{**body, "metadata": {**body["metadata"], "name": name}} for name, body in zip(names, made, strict=True)]
    for body, (taken, told) in zip(renamed, judged_each(kubectl, renamed), strict=True):
        assert not taken, body["kind"]
        assert "container bad " in told
        assert "container good " not in told
        assert "Set securityContext.readOnlyRootFilesystem to true" in told
    assert judged(kubectl, *templates(admitted, container("good")))[0]


def test_what_is_older_than_the_rules_can_be_scaled_and_labelled_but_not_made_worse(
    kubectl: Kubectl, admitted: RenderedStack
) -> None:
    """Or no rollout could take away a ReplicaSet from before."""
    where = f"--namespace={admitted.plan.namespace}"
    kubectl.run("patch", "replicaset", "older", where, '--patch={"spec": {"replicas": 1}}')
    kubectl.run("label", "replicaset", "older", where, "a=b")
    kubectl.run("patch", "replicaset", "older", where, '--patch={"spec": {"replicas": 0}}')
    more = {"spec": {"template": {"spec": {"containers": [{**broken(admitted), "name": "worse"}]}}}}
    told = kubectl.attempt("patch", "replicaset", "older", where, f"--patch={json.dumps(more)}")
    assert "container worse " in told.stderr
    assert "container bad " not in told.stderr


def test_a_pod_is_debugged_within_the_rules_alone(kubectl: Kubectl, admitted: RenderedStack, tmp_path: Path) -> None:
    """`kubectl debug` adds a container to a pod that runs: judged as any other, and the page says how it passes."""
    where = f"--namespace={admitted.plan.namespace}"
    pod = pod_with(admitted, "debugged", container())
    kubectl.apply({**pod, "spec": {**pod["spec"], "nodeSelector": {"nowhere": "x"}}})
    debug = ("debug", "debugged", where, f"--image={PINNED}", "--profile=restricted", "--container=shell")
    told = kubectl.attempt(*debug)
    assert told.returncode != 0
    assert "container shell can write to its root file system" in told.stderr
    custom = tmp_path / "custom.json"
    custom.write_text('{"securityContext": {"readOnlyRootFilesystem": true}}', encoding="utf-8")
    kubectl.run(*debug, f"--custom={custom}")
    assert kubectl.get("pod", "debugged", where)["spec"]["ephemeralContainers"][0]["name"] == "shell"


def test_the_rules_hold_in_the_stacks_own_namespace_alone(kubectl: Kubectl, admitted: RenderedStack) -> None:
    body = templates(admitted, broken(admitted))[0]
    elsewhere = {**body, "metadata": {**body["metadata"], "namespace": "default"}}
    assert judged(kubectl, elsewhere)[0]


def test_the_api_server_finds_no_fault_with_the_policy(kubectl: Kubectl, admitted: RenderedStack) -> None:
    """It tries every expression on every kind that the policy judges, a moment after the policy is stored."""
    deadline = time.monotonic() + HOLDS_WITHIN_S
    while "typeChecking" not in (status := policy(kubectl, admitted).get("status", {})):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert status["typeChecking"] == {}


def policy(kubectl: Kubectl, rendered: RenderedStack) -> Object:
    return kubectl.get("validatingadmissionpolicy", f"{rendered.plan.namespace}-pods")


METRICS = "monitoring-try"


def _installing_metrics(raw: dict[str, Any]) -> None:
    raw["namespace"] = "inference-try"
    raw["controllers"]["prometheus_operator"] = "install"
    raw["monitoring"].update(namespace=METRICS, prometheus={"replicas": 2})


def test_what_is_installed_to_collect_metrics_is_admitted_without_a_warning(
    kubectl: Kubectl, custom_kinds: None
) -> None:
    rendered = stack("prod", _installing_metrics)
    wanted = {METRICS, rendered.plan.namespace}
    namespaces = [body for body in rendered.of_kind("Namespace") if body["metadata"]["name"] in wanted]
    own = [body for body in rendered.objects if _is_of_metrics(body)]
    assert {"Deployment", "Prometheus", "PodMonitor", "Role", "NetworkPolicy"} <= {body["kind"] for body in own}
    kubectl.apply(*namespaces)
    try:
        assert judged(kubectl, *own) == (True, "")
        (deployment,) = [body for body in own if body["kind"] == "Deployment"]
        pod = {"metadata": {"name": "try", "namespace": METRICS}, "spec": deployment["spec"]["template"]["spec"]}
        assert judged(kubectl, {"apiVersion": "v1", "kind": "Pod", **_without_account(pod)}) == (True, "")
    finally:
        for body in namespaces:
            kubectl.run("delete", "namespace", body["metadata"]["name"], "--wait=false")


def _is_of_metrics(body: Object) -> bool:
    """Its definitions are there already: with one of them every object of its kind would go."""
    name, namespace = body["metadata"]["name"], body["metadata"].get("namespace")
    mine = namespace == METRICS or name.startswith("prometheus") or body["kind"] == "PodMonitor"
    return mine and body["kind"] not in ("Namespace", "CustomResourceDefinition")


def _without_account(pod: Object) -> Object:
    """Which is not made here."""
    spec = {key: value for key, value in pod["spec"].items() if key != "serviceAccountName"}
    return {**pod, "spec": {**spec, "automountServiceAccountToken": False}}


def test_an_unknown_field_is_refused(kubectl: Kubectl, admitted: RenderedStack) -> None:
    for body in admitted.of_kind("Deployment"):
        tampered = copy.deepcopy(dict(body))
        tampered["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
        taken, told = judged(kubectl, tampered)
        assert not taken
        assert "readinesProbe" in told
