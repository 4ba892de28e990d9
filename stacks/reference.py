"""A cluster that another stack of this program made: what that stack exports of it, and whether it is the one meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import Output, StackReference

from planning.settings.cluster import Eks, Gke, Reference

DESCRIBED = "cluster_block"
KUBECONFIG = "kubeconfig"
CLUSTER_STACK = "cluster-stack"
"""The logical name of the reference."""


class OtherClusterError(pulumi.RunError):
    """The other stack's cluster is not as this stack file repeats it. Planning worked from what is not there."""


def block_of(cluster: Gke | Eks) -> str:
    """The `cluster` block as the stack that makes it exports it, defaults included."""
    return json.dumps(cluster.model_dump(mode="json"), sort_keys=True)


def kubeconfig_of(reference: Reference) -> Output[str]:
    """The other stack's kubeconfig. OtherClusterError, at preview already, where its cluster is another one."""
    other = StackReference(CLUSTER_STACK, stack_name=reference.stack)
    known = Output.all(block=other.require_output(DESCRIBED), kubeconfig=other.require_output(KUBECONFIG))
    return Output.secret(known.apply(lambda outputs: _checked(reference, outputs)))


def _checked(reference: Reference, outputs: Mapping[str, Any]) -> str:
    made, meant = json.loads(outputs["block"]), json.loads(block_of(reference.cluster))
    differing = sorted(field for field in made.keys() | meant.keys() if made.get(field) != meant.get(field))
    if differing:
        raise OtherClusterError(
            f"cluster.cluster.{differing[0]}: stack {reference.stack} made a cluster whose {', '.join(differing)} are"
            " others. Repeat its `cluster` block word for word."
        )
    return str(outputs["kubeconfig"])
