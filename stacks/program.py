"""The program that `pulumi up` runs: settings, plan, resources, outputs."""

from __future__ import annotations

from pathlib import Path

import pulumi
from pulumi import ResourceOptions

from components.clusters.eks.kubeconfig import INSTALL, TOKEN_PLUGIN
from components.clusters.facts import ClusterFacts
from planning.clusters.eks import PlannedEks
from planning.plan import Plan
from planning.settings.cluster import Eks, Gke
from stacks.composition import Composition, compose
from stacks.made import make_cluster
from stacks.packed import with_packed
from stacks.planned import planned
from stacks.providers import cluster_provider
from stacks.reference import DESCRIBED, KUBECONFIG, READERS, block_of, readers_of
from stacks.settings import RefusedError, packed_images, settings_of_stack
from stacks.token_plugin import require_token_plugin


def build(root: Path) -> None:
    """Deploy the stack whose project lies at `root`. RefusedError before anything is made if the plan has
    errors; warnings are shown and do not stop it."""
    plan = with_packed(planned(settings_of_stack(), root), packed_images())
    for finding in plan.warnings:
        pulumi.warn(str(finding))
    for accepted in plan.accepted:
        pulumi.info(f"accepted: {accepted.finding} Because: {accepted.reason}")
    if plan.errors:
        raise RefusedError(plan.errors)
    if isinstance(plan.made, PlannedEks) and plan.made.answers_outside:
        require_token_plugin(TOKEN_PLUGIN, install=INSTALL)
    deploy(plan)


def deploy(plan: Plan) -> None:
    """Everything that `plan`, which has no errors, says. Of a cluster that answers inside its own network alone, only
    the cluster: what runs on it is a second stack, deployed from inside."""
    made = make_cluster(plan)
    if made is not None:
        _export_cluster(plan, made)
    if plan.made is not None and not plan.made.answers_outside:
        pulumi.info(
            "The control plane is private: what runs on the cluster is a stack of its own, deployed from inside."
        )
        return
    _export(plan, compose(plan, ResourceOptions(provider=cluster_provider(plan, made))))


def _export_cluster(plan: Plan, made: ClusterFacts) -> None:
    """What a stack with `cluster: {kind: reference}` asks for, too."""
    pulumi.export("cluster", made.name)
    pulumi.export(KUBECONFIG, made.kubeconfig)
    if made.model_key is not None:
        pulumi.export("model_key", made.model_key)
    if isinstance(plan.settings.cluster, Gke | Eks):
        pulumi.export(DESCRIBED, block_of(plan.settings.cluster))
        pulumi.export(READERS, readers_of(plan.settings))


def _export(plan: Plan, made: Composition) -> None:
    pulumi.export("namespace", made.namespace)
    pulumi.export(
        "servers",
        {
            name: {"http": server.http, "grpc": server.grpc, "models": server.models}
            for name, server in made.servers.items()
        },
    )
    pulumi.export("pools", [pool.name for pool in plan.pools])
