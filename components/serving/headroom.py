"""Pods that pause where a server's next pods will be (planning/headroom.py says what for).

Each has the server's requests, tolerations and nodes, one container that sleeps, and nothing else: no identity, no
volume, no network, no rights. They are not counted in any disruption budget, and end at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    SeccompProfileArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.scheduling.v1 import PriorityClass

from components.amounts import exactly
from components.images import image_reference, pull_secrets
from components.labels import INSTANCE, NAME, common
from components.placement import class_of, on_nodes_with, tolerations_of
from components.security.restricted import restricted
from components.serving.proxy import SCRATCH
from components.serving.triton import LOGS
from planning.headroom import PRIORITY, PlannedHeadroom
from planning.server import PlannedServer
from planning.settings.quantities import Memory

CALLED = "headroom"

USER = 65535
"""The image's own (kubernetes/kubernetes build/pause/Dockerfile)."""

NOT_AWAITED = "pulumi.com/skipAwait"
"""Whether there is head-room yet is no reason to wait: a node may take minutes, and nothing stands on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadroomArgs:
    """`servers` are those that have some. `priority_class` is its name, which carries the namespace."""

    servers: Sequence[PlannedServer]
    namespace: Input[str]
    priority_class: str
    pull_secret: str | None
    labels: Mapping[str, str]


class Headroom(pulumi.ComponentResource):
    """A PriorityClass, and a Deployment for each server."""

    def __init__(self, name: str, args: HeadroomArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:serving:Headroom", name, None, opts)
        child = ResourceOptions(parent=self)
        labels = common(args.labels)
        priority = PriorityClass(
            f"{name}-priority",
            metadata=ObjectMetaArgs(name=args.priority_class, labels=labels),
            value=PRIORITY,
            global_default=False,
            preemption_policy="Never",
            description="Pods that keep a place free: everything else takes it from them.",
            opts=child,
        )
        named = priority.metadata.apply(lambda metadata: metadata.name or args.priority_class)
        for server in args.servers:
            if server.headroom is not None:
                _deployment(f"{name}-{server.name}", server, server.headroom, named, args, child)
        self.register_outputs({})


def _deployment(
    name: str,
    server: PlannedServer,
    headroom: PlannedHeadroom,
    priority_class: Input[str],
    args: HeadroomArgs,
    opts: ResourceOptions,
) -> Deployment:
    # Not the server's own labels: its Service and its disruption budget select by those.
    own = {NAME: CALLED, INSTANCE: server.name}
    labels = {**common(args.labels), **own}
    return Deployment(
        name,
        metadata=ObjectMetaArgs(
            name=headroom.deployment, namespace=args.namespace, labels=labels, annotations={NOT_AWAITED: "true"}
        ),
        spec=DeploymentSpecArgs(
            replicas=headroom.pods.value,
            selector=LabelSelectorArgs(match_labels=own),
            # One that comes before another goes would buy a node for nothing.
            strategy=DeploymentStrategyArgs(type="Recreate"),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels=labels), spec=_pod(server, headroom, priority_class, args)
            ),
        ),
        opts=opts,
    )


def _pod(
    server: PlannedServer, headroom: PlannedHeadroom, priority_class: Input[str], args: HeadroomArgs
) -> PodSpecArgs:
    pools = headroom.lane.pools
    cpu, memory = server.pod
    disk = Memory(server.storage.disk.bytes + LOGS.bytes + SCRATCH.bytes)
    return PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name=priority_class,
        termination_grace_period_seconds=0,
        image_pull_secrets=pull_secrets(args.pull_secret),
        security_context=PodSecurityContextArgs(
            run_as_non_root=True, run_as_user=USER, seccomp_profile=SeccompProfileArgs(type="RuntimeDefault")
        ),
        node_selector=class_of(pools),
        affinity=on_nodes_with([pool.labels for pool in pools]),
        tolerations=tolerations_of(pools),
        containers=[
            ContainerArgs(
                name="pause",
                image=image_reference(headroom.image.value),
                image_pull_policy="IfNotPresent",
                resources=exactly(cpu, memory, disk, gpus=server.gpus),
                security_context=restricted(user=USER),
            )
        ],
    )
