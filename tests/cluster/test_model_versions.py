"""ModelVersions on a real API server: what it takes, what its rules refuse, and what kubectl and we see of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest
from cluster_stacks import RenderedStack, stack
from plain_containers import container
from typer.testing import CliRunner

from cli.main import app
from local.cluster.definitions import wait_until_established
from local.cluster.kubectl import Kubectl, Object
from planning.model_versions import DEFINITION, KIND
from planning.model_versions_schema import definition_object

NAMESPACE = "model-versions"
WHERE = f"--namespace={NAMESPACE}"


@pytest.fixture(scope="module")
def recorded(kubectl: Kubectl) -> Generator[RenderedStack]:
    """Stack local's versions and their kind, in a namespace of their own, and nothing that runs."""

    def edit(settings: dict[str, Any]) -> None:
        settings["namespace"] = NAMESPACE
        settings["model_repository"]["versions"] = "install"

    rendered = stack("local", edit)
    kinds = rendered.of_kind("CustomResourceDefinition")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kubectl.apply(*kinds, namespace)
    wait_until_established(DEFINITION, kubectl)
    kubectl.apply(*rendered.of_kind(KIND))
    yield rendered
    kubectl.run("delete", "namespace", NAMESPACE)
    kubectl.run("delete", "crd", DEFINITION, "--wait=false")


def changed(one: Object, /, **fields: object) -> Object:
    return {**one, "spec": {**one["spec"], **fields}}


def named(version: Object, name: str) -> Object:
    return {**version, "metadata": {**version["metadata"], "name": name}}


def refusals(kubectl: Kubectl, verb: Sequence[str], bodies: Sequence[Object]) -> list[str]:
    """What the API server says of each that it does not take."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
    # kubectl itself judges nothing before.
    told = kubectl.attempt(*verb, "--dry-run=server", "--validate=false", "--filename=-", stdin=json.dumps(listed))
    print(told.stderr)
    return [part for part in told.stderr.split("Error from server (Invalid)") if part.strip()]


def test_the_api_server_has_every_version_and_shows_whose_it_is(kubectl: Kubectl, recorded: RenderedStack) -> None:
    wanted = {body["metadata"]["name"]: body for body in recorded.of_kind(KIND)}
    assert wanted
    stored = {body["metadata"]["name"]: body for body in kubectl.items(DEFINITION, WHERE)}
    assert {name: body["spec"] for name, body in stored.items()} == {n: b["spec"] for n, b in wanted.items()}
    header, *lines = kubectl.run("get", "mv", WHERE).splitlines()
    assert header.split() == ["NAME", "SERVER", "MODEL", "VERSION", "PHASE", "READY", "PODS", "SEEN", "AGE"]
    assert {line.split()[0] for line in lines} == set(wanted)
    of_one = kubectl.run("get", "mv", WHERE, "--field-selector=spec.model=digits", "--output=name").split()
    assert of_one == [f"{KIND.lower()}.tritonup.internal/{name}" for name in wanted if "-digits-" in name]


def test_the_kind_is_the_one_that_models_definition_prints(kubectl: Kubectl, recorded: RenderedStack) -> None:
    (rendered,) = recorded.of_kind("CustomResourceDefinition")
    printed = CliRunner().invoke(app, ["models", "definition"]).stdout
    assert rendered["spec"] == definition_object()["spec"]
    assert "configured" not in kubectl.run("diff", "--server-side", "--force-conflicts", "--filename=-", stdin=printed)


def test_what_a_version_is_never_changes(kubectl: Kubectl, recorded: RenderedStack) -> None:
    version = recorded.of_kind(KIND)[0]
    digest = f"sha256:{'0' * 64}"
    fixed: dict[str, object] = {
        "server": "another",
        "model": "another",
        "version": 99,
        "repositoryDigest": digest,
        "filesDigest": digest,
        "files": 99,
        "bytes": 99,
    }
    apply = ("apply", "--server-side", "--force-conflicts")
    told = refusals(kubectl, apply, [changed(version, **{field: value}) for field, value in fixed.items()])
    assert len(told) == len(fixed)
    assert all("what a version is never changes" in one for one in told)
    assert refusals(kubectl, apply, [changed(version, source="s3://another/place")]) == []


def test_a_name_says_what_it_names(kubectl: Kubectl, recorded: RenderedStack) -> None:
    (version,) = [body for body in recorded.of_kind(KIND) if body["spec"]["model"] == "digits"]
    spec = version["spec"]
    short, files = spec["repositoryDigest"][7:19], spec["filesDigest"][7:15]
    alike = changed(version, model="Digits.v_2")
    good = [
        named(alike, f"triton-digits-v-2-1-{short}"),
        named(alike, f"triton-digits-v-2-1-{short}-{files}"),
    ]
    bad = [
        named(version, "digits"),
        named(version, f"triton-digits-2-{short}"),
        named(version, f"other-digits-1-{short}"),
        named(version, f"triton-digits-1-{short[:-1]}0a"),
        named(version, f"triton-digits-1-{short}-{'0' * 8}"),
        named(alike, f"triton-digits-1-{short}"),
    ]
    assert refusals(kubectl, ("create",), good) == []
    told = refusals(kubectl, ("create",), bad)
    assert len(told) == len(bad)
    assert all("the name is SERVER-MODEL-VERSION-DIGEST" in one for one in told)


SERVING = {"phase": "Serving", "pods": 2, "readyPods": 1, "observed": "2026-11-28T00:00:00Z"}

WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a phase that is none": (lambda status: status.update(phase="Ready"), "Unsupported value"),
    "no time": (lambda status: status.pop("observed"), "observed"),
    "another digest": (lambda status: status.update(digest=f"sha256:{'0' * 64}"), "it is spec.repositoryDigest"),
    "too many ready": (lambda status: status.update(readyPods=3), "no more pods are ready"),
    "serving without pods": (lambda status: status.update(readyPods=0), "it is Serving where a pod is ready"),
    "failed without reason": (lambda status: status.update(phase="Failed", readyPods=0), "Failed has a reason"),
    "planned with pods": (lambda status: status.update(phase="Planned", readyPods=0), "it is Planned where no pod"),
    "no digest of its pods": (lambda status: status.pop("digest"), "digest says what"),
}


def test_a_status_that_contradicts_itself_is_refused(kubectl: Kubectl, recorded: RenderedStack) -> None:
    # As it is stored: a replacement names the version that it replaces.
    version = kubectl.items(DEFINITION, WHERE)[0]
    good = {**SERVING, "digest": version["spec"]["repositoryDigest"]}
    replace = ("replace", "--subresource=status")
    assert refusals(kubectl, replace, [{**version, "status": good}]) == []
    bodies: list[Object] = []
    for tamper, _ in WRONG.values():
        status = copy.deepcopy(good)
        tamper(status)
        bodies.append({**version, "status": status})
    told = refusals(kubectl, replace, bodies)
    assert len(told) == len(WRONG)
    for said, (_, why) in zip(told, WRONG.values(), strict=True):
        assert why in said


def status(kubectl: Kubectl, *more: str) -> list[dict[str, Any]]:
    """By the user's own kubectl, as it is found on the PATH. Other tests' pods may have failed."""
    env = {"PATH": f"{kubectl.program.parent}:/usr/bin:/bin"}
    told = CliRunner().invoke(app, ["models", "status", f"--cluster={kubectl.kubeconfig}", "--json", *more], env=env)
    assert told.exit_code in (0, 1), told.output
    return [row for row in json.loads(told.stdout)["running"] if row["namespace"] == NAMESPACE]


def test_what_pods_show_is_recorded_for_kubectl_to_show(kubectl: Kubectl, recorded: RenderedStack) -> None:
    (server,) = recorded.plan.servers
    (row,) = status(kubectl, "--record")
    assert (row["digest"], row["phase"]) == (server.served.digest, "Planned")
    template = recorded.of_kind("Deployment")[0]["spec"]["template"]["metadata"]
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "gated", "namespace": NAMESPACE, **template},
            # No scheduler looks at it, so that its status is what the test writes.
            "spec": {"containers": [container("triton")], "schedulingGates": [{"name": "tritonup.internal/test"}]},
        }
    )
    (row,) = status(kubectl)
    assert (row["phase"], row["reason"]) == ("Delivering", "SchedulingGated")
    serves = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    kubectl.run("patch", "pod", "gated", WHERE, "--subresource=status", f"--patch={json.dumps(serves)}")
    (row,) = status(kubectl, "--record")
    assert (row["phase"], row["ready"]) == ("Serving", 1)
    for version in kubectl.items(DEFINITION, WHERE):
        seen = version["status"]
        assert (seen["phase"], seen["pods"], seen["readyPods"]) == ("Serving", 1, 1)
        assert seen["digest"] == version["spec"]["repositoryDigest"]
        assert "reason" not in seen
