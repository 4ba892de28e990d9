"""GKE's ComputeClass, as far as stacks have it. Google publishes its definition on clusters alone, so this one is ours,
from the reference ("ComputeClass CustomResourceDefinition", GKE documentation): fields and values that it does not name
are refused."""

from __future__ import annotations

from local.cluster.definitions import wait_until_established
from local.cluster.kubectl import Kubectl, Object

NAME = "computeclasses.cloud.google.com"


def _fields(**fields: Object) -> Object:
    return {"type": "object", "properties": fields}


def _one_of(*values: str) -> Object:
    return {"type": "string", "enum": list(values)}


SPEC = {
    **_fields(
        activeMigration=_fields(optimizeRulePriority={"type": "boolean"}),
        nodePoolAutoCreation=_fields(enabled={"type": "boolean"}),
        priorities={
            "type": "array",
            "items": _fields(nodepools={"type": "array", "items": {"type": "string"}}),
        },
        whenUnsatisfiable=_one_of("DoNotScaleUp", "ScaleUpAnyway"),
    ),
    "required": ["priorities"],
}

COMPUTE_CLASS: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": NAME},
    "spec": {
        "group": "cloud.google.com",
        "scope": "Cluster",
        "names": {"kind": "ComputeClass", "plural": "computeclasses", "singular": "computeclass"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": _fields(spec=SPEC)},
            }
        ],
    },
}


def establish_google_kinds(kubectl: Kubectl) -> None:
    """The cluster knows them, and serves them."""
    kubectl.apply(COMPUTE_CLASS)
    wait_until_established(NAME, kubectl)
