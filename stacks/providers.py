"""The cluster that a stack talks to: always an explicit provider, never whichever kubeconfig is current."""

from __future__ import annotations

from pathlib import Path

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes import Provider

from components.clusters.facts import ClusterFacts
from planning.plan import Plan
from planning.settings.cluster import Eks, Existing, Gke, Local, Reference
from stacks.reference import kubeconfig_of
from stacks.settings import context, kubeconfig


class KubeconfigError(pulumi.RunError):
    """The kubeconfig that the stack names cannot be read."""


def cluster_provider(plan: Plan, made: ClusterFacts | None) -> Provider:
    """Of `made`, the cluster that this stack makes, or of the one that is there. Server-side apply is on, so that a
    field set by another manager is a conflict and never overwritten."""
    if made is not None:
        # Whatever is put on the cluster waits for its nodes and for who may read what.
        return Provider(
            "cluster",
            kubeconfig=made.kubeconfig,
            enable_server_side_apply=True,
            opts=ResourceOptions(depends_on=made.ready),
        )
    match plan.settings.cluster:
        case Reference() as reference:
            return Provider(
                "cluster", kubeconfig=kubeconfig_of(reference, plan.settings), enable_server_side_apply=True
            )
        case Gke() | Eks():
            raise AssertionError("a plan without errors has the cluster that its stack makes")
        case Existing() | Local():
            return Provider(
                "cluster",
                kubeconfig=_kubeconfig(),
                context=context(),
                enable_server_side_apply=True,
            )


def _kubeconfig() -> pulumi.Output[str] | None:
    """The file's content: the provider takes a path or a content, and only the latter is seen to change."""
    path = kubeconfig()
    if path is None:
        return None
    try:
        return pulumi.Output.secret(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as refused:
        raise KubeconfigError(
            f"tritonup:kubeconfig: {path!r} cannot be read ({refused.strerror}). Write the path of a kubeconfig:"
            " `pulumi config set kubeconfig PATH`."
        ) from refused
