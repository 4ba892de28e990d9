"""A cluster that another stack of this program made: what that stack exports of it, whether it is the one meant, and
whether it gave this stack's pods their rights to read models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import Output, StackReference

from planning.engines.orders import BUILDER
from planning.engines.settings import builder_of
from planning.settings.cluster import Eks, Gke, Reference
from planning.settings.repository import S3, Gs
from planning.settings.root import Settings

DESCRIBED = "cluster_block"
KUBECONFIG = "kubeconfig"
READERS = "model_readers"
"""Whom the cluster's stack gave rights to which bucket: they come with the cluster, not with the servers."""
CLUSTER_STACK = "cluster-stack"
"""The logical name of the reference."""


class NoRightsError(pulumi.RunError):
    """The stack that made the cluster does not know a server of this one: its pods could not read their models."""


class OtherClusterError(pulumi.RunError):
    """The other stack's cluster is not as this stack file repeats it. Planning worked from what is not there."""


def block_of(cluster: Gke | Eks) -> str:
    """The `cluster` block as the stack that makes it exports it, defaults included."""
    return json.dumps(cluster.model_dump(mode="json"), sort_keys=True)


def readers_of(settings: Settings) -> str:
    """Who reads models below which place in a bucket, with the Kubernetes service accounts that get rights to it."""
    repository = settings.model_repository
    match repository.destination:
        case S3(bucket=bucket, prefix=prefix) | Gs(bucket=bucket, prefix=prefix):
            place = f"{bucket}/{prefix or ''}"
        case _:
            return json.dumps({})
    accounts = [*settings.servers, *([BUILDER] if builder_of(repository) else [])]
    return json.dumps({f"{settings.namespace}/{account}": place for account in accounts}, sort_keys=True)


def kubeconfig_of(reference: Reference, settings: Settings) -> Output[str]:
    """The other stack's kubeconfig. At preview already OtherClusterError, where its cluster is another one, or
    NoRightsError, where it does not know who reads models here."""
    other = StackReference(CLUSTER_STACK, stack_name=reference.stack)
    known = Output.all(
        block=other.require_output(DESCRIBED),
        kubeconfig=other.require_output(KUBECONFIG),
        readers=other.require_output(READERS),
    )
    return Output.secret(known.apply(lambda outputs: _checked(reference, settings, outputs)))


def _checked(reference: Reference, settings: Settings, outputs: Mapping[str, Any]) -> str:
    made, meant = json.loads(outputs["block"]), json.loads(block_of(reference.cluster))
    differing = sorted(field for field in made.keys() | meant.keys() if made.get(field) != meant.get(field))
    if differing:
        raise OtherClusterError(
            f"cluster.cluster.{differing[0]}: stack {reference.stack} made a cluster whose {', '.join(differing)} are"
            " others. Repeat its `cluster` block word for word."
        )
    theirs, mine = json.loads(outputs["readers"]), json.loads(readers_of(settings))
    unknown = sorted(account for account, place in mine.items() if theirs.get(account) != place)
    if unknown:
        given = ", ".join(f"{who} those to {place}" for who, place in theirs.items()) or "none"
        raise NoRightsError(
            f"{unknown[0]} would not be allowed to read {mine[unknown[0]]}: rights come with the cluster, and stack"
            f" {reference.stack} gave {given}."
            " Give its stack file the same namespace, servers and model_repository, and deploy it first."
        )
    return str(outputs["kubeconfig"])
