"""A rendered stack on a cluster by kubectl's apply sets: server-side apply of all, and what is no longer rendered goes.

An apply set (KEP-3659) needs a parent object that carries its members' kinds; members in several namespaces and
without any ask for one without a namespace, which only a custom resource can be.

Definitions of kinds are applied before all else, which may be of their kinds, and are no members: as with the engine
they stay when the stack goes (components/kept_definition.py).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from local.cluster.definitions import wait_until_established
from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl, Object

GROUP = "tritonup.internal"
KIND = "DeployedStack"
PLURAL = "deployedstacks"

MANAGER = "tritonup-up"

DEFINITION = "CustomResourceDefinition"

TOOLING = "kubectl/v1.35"
"""What the parent says made it: kubectl serves no set of another tool (ApplySet.fetchParent, by the part before the
slash)."""

PARENT_DEFINITION: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{PLURAL}.{GROUP}", "labels": {"applyset.kubernetes.io/is-parent-type": "true"}},
    "spec": {
        "group": GROUP,
        "names": {"kind": KIND, "plural": PLURAL, "singular": "deployedstack", "listKind": f"{KIND}List"},
        "scope": "Cluster",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "description": "A stack that `make up` deployed."}},
            }
        ],
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A line of kubectl for each object: `service/triton serverside-applied`. `changed` are those whose stored
    version differs from before; `pruned` are gone."""

    objects: int
    changed: tuple[str, ...]
    pruned: tuple[str, ...]


def apply_stack(kubectl: Kubectl, stack: str, objects: Sequence[Object]) -> Applied:
    """Make the cluster hold exactly `objects` of `stack`. ClusterError with the API server's words."""
    _make_parent(kubectl, stack)
    kinds = [body for body in objects if body["kind"] == DEFINITION]
    members = [body for body in objects if body["kind"] != DEFINITION]
    before = _versions(kubectl, kinds)
    _establish(kubectl, kinds)
    before |= _versions(kubectl, members)
    listed = {"apiVersion": "v1", "kind": "List", "items": members}
    told = kubectl.with_env(KUBECTL_APPLYSET="true").run(
        *("apply", "--server-side", f"--field-manager={MANAGER}", "--prune"),
        *(f"--applyset={PLURAL}.{GROUP}/{stack}", "--filename=-"),
        stdin=json.dumps(listed),
    )
    after = _versions(kubectl, objects)
    return Applied(
        objects=len(objects),
        changed=tuple(sorted(name for name, version in after.items() if before.get(name) != version)),
        pruned=tuple(line.removesuffix(" pruned") for line in told.splitlines() if line.endswith(" pruned")),
    )


def _establish(kubectl: Kubectl, kinds: Sequence[Object]) -> None:
    if not kinds:
        return
    listed = {"apiVersion": "v1", "kind": "List", "items": list(kinds)}
    kubectl.run(
        *("apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "--filename=-"),
        stdin=json.dumps(listed),
    )
    for body in kinds:
        wait_until_established(body["metadata"]["name"], kubectl)


def is_applied(kubectl: Kubectl, stack: str) -> bool:
    """Whether an apply of `stack` has begun here. ClusterError where the cluster does not say."""
    return _parent(kubectl, stack) is not None


def remove_stack(kubectl: Kubectl, stack: str) -> bool:
    """Delete every object of `stack`, wait until they are gone, then the parent, and its kind with the last one.
    Whether it was there."""
    parent = _parent(kubectl, stack)
    if parent is None:
        return False
    kinds = str(parent["metadata"]["annotations"]["applyset.kubernetes.io/contains-group-kinds"])
    member = f"applyset.kubernetes.io/part-of={_set_id(stack)}"
    if kinds:
        kubectl.run(
            *("delete", kinds, "--all-namespaces", f"--selector={member}", "--ignore-not-found", "--wait"),
            timeout_s=600,
        )
    kubectl.run("delete", f"{PLURAL}.{GROUP}", stack, "--ignore-not-found")
    if not kubectl.items(f"{PLURAL}.{GROUP}"):
        kubectl.run("delete", "crd", f"{PLURAL}.{GROUP}", "--ignore-not-found")
    return True


def _parent(kubectl: Kubectl, stack: str) -> Object | None:
    told = kubectl.attempt("get", f"{PLURAL}.{GROUP}", stack, "--output=json")
    if told.returncode == 0:
        return json.loads(told.stdout)
    if "NotFound" in told.stderr or "doesn't have a resource type" in told.stderr:
        return None
    raise ClusterError(f"The cluster does not answer: {told.stderr.strip()}")


def _make_parent(kubectl: Kubectl, stack: str) -> None:
    if kubectl.attempt("get", f"{PLURAL}.{GROUP}", stack, "--output=name").returncode == 0:
        return
    kubectl.apply(PARENT_DEFINITION)
    wait_until_established(f"{PLURAL}.{GROUP}", kubectl)
    parent = {
        "apiVersion": f"{GROUP}/v1",
        "kind": KIND,
        "metadata": {
            "name": stack,
            "labels": {"applyset.kubernetes.io/id": _set_id(stack)},
            "annotations": {
                "applyset.kubernetes.io/tooling": TOOLING,
                "applyset.kubernetes.io/contains-group-kinds": "",
            },
        },
    }
    told = kubectl.attempt("create", "--filename=-", stdin=json.dumps(parent))
    if told.returncode != 0:
        raise ClusterError(f"The record of stack {stack!r} cannot be made: {told.stderr.strip()}")


def _set_id(stack: str) -> str:
    """KEP-3659: the parent's name, namespace, kind and group, hashed."""
    hashed = hashlib.sha256(f"{stack}..{KIND}.{GROUP}".encode()).digest()
    return f"applyset-{base64.urlsafe_b64encode(hashed).decode().rstrip('=')}-v1"


def _versions(kubectl: Kubectl, objects: Sequence[Object]) -> dict[str, str]:
    """What the API server holds of each: its identity, and when this tool last changed something of it. An apply that
    changes nothing leaves that time as it is, and what controllers write has times of its own (managedFields)."""
    if not objects:
        return {}
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    told = kubectl.attempt(
        *("get", "--filename=-", "--ignore-not-found", "--show-managed-fields", "--output=json"),
        stdin=json.dumps(listed),
    )
    if told.returncode != 0 or not told.stdout.strip():
        return {}
    found = json.loads(told.stdout)
    return {_name(item): _version(item) for item in (found["items"] if found["kind"] == "List" else [found])}


def _name(body: Object) -> str:
    return f"{str(body['kind']).lower()}/{body['metadata']['name']}"


def _version(body: Object) -> str:
    metadata = body["metadata"]
    ours = [entry for entry in metadata["managedFields"] if entry["manager"] == MANAGER]
    return json.dumps([metadata["uid"], metadata.get("generation"), ours], sort_keys=True)
