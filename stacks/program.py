"""The program that `pulumi up` runs: settings, plan, resources, outputs."""

from __future__ import annotations

from pathlib import Path

import pulumi
from pulumi import ResourceOptions

from planning.plan import Plan
from stacks.composition import Composition, compose
from stacks.packed import with_packed
from stacks.planned import planned
from stacks.providers import cluster_provider
from stacks.settings import RefusedError, packed_images, settings_of_stack


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
    provider = cluster_provider(plan)
    _export(plan, compose(plan, ResourceOptions(provider=provider)))


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
