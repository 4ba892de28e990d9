"""The program that takes the start-up taint off GPU nodes (`gpu_readiness/`), with the least that it needs.

It sees nodes and patches them, nothing else in the API. It talks to the API server and to nobody else, as a user with
no rights, on a file system that it cannot write to. What it is told is a file, and a change of the pools a rollout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    LocalObjectReferenceArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ResourceRequirementsArgs,
    SecurityContextArgs,
    TopologySpreadConstraintArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components.gpu.own_program import FOLDER, account, as_nobody, own_namespace, told
from components.labels import NAME, common
from planning.gpu_readiness import PlannedReadiness

NAMESPACE = "tritonup-gpu-readiness"
"""One for the cluster, like the taint's key. Every object of it that has no namespace is called the same."""

CALLED = "gpu-readiness"
VERBS = ("get", "list", "watch", "patch")
"""What it may do to nodes. All nodes: RBAC knows no nodes of a pool."""

FILE = "gpu-readiness.json"

AMOUNTS = {"cpu": "10m", "memory": "64Mi"}
"""Measured: 23 MiB resident when it has begun (VmHWM, CPython 3.11); it holds at most a page of nodes beside that. The
limit is of memory alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReadinessArgs:
    """`pull_secret` is of the user's registry, in the namespace of this program; they make it."""

    planned: PlannedReadiness
    pull_secret: str | None
    labels: Mapping[str, str]


class GpuReadiness(pulumi.ComponentResource):
    def __init__(self, name: str, args: GpuReadinessArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:gpu:GpuReadiness", name, None, opts)
        child = ResourceOptions(parent=self)
        labels = {**common(args.labels), NAME: CALLED}
        inside = own_namespace(
            name, namespace=NAMESPACE, called=CALLED, pod_security="restricted", labels=args.labels, opts=child
        )
        who = account(
            f"{name}-account",
            called=CALLED,
            cluster_wide=NAMESPACE,
            namespace=inside,
            rules=[PolicyRuleArgs(api_groups=[""], resources=["nodes"], verbs=list(VERBS))],
            labels=labels,
            opts=child,
        )
        _deployment(name, args, inside, who, labels, child)
        PodDisruptionBudget(
            f"{name}-budget",
            metadata=ObjectMetaArgs(name=CALLED, namespace=inside, labels=labels),
            spec=PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=LabelSelectorArgs(match_labels={NAME: CALLED})
            ),
            opts=child,
        )
        self.register_outputs({})


def settings_file(planned: PlannedReadiness) -> str:
    """What the program reads (gpu_readiness/settings.py)."""
    said = {
        "taint": planned.taint,
        "resource": planned.resource,
        "pools": [{"name": pool.name, "labels": dict(pool.labels), "gpus": pool.gpus.value} for pool in planned.pools],
    }
    return json.dumps(said, indent=2, sort_keys=True) + "\n"


def _deployment(
    name: str,
    args: GpuReadinessArgs,
    namespace: Input[str],
    who: Input[str],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> Deployment:
    settings = told(
        f"{name}-settings",
        called=CALLED,
        namespace=namespace,
        file=FILE,
        text=settings_file(args.planned),
        labels=labels,
        opts=opts,
    )
    return Deployment(
        name,
        metadata=ObjectMetaArgs(name=CALLED, namespace=namespace, labels=labels),
        spec=DeploymentSpecArgs(
            replicas=args.planned.replicas,
            selector=LabelSelectorArgs(match_labels={NAME: CALLED}),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels=labels, annotations=dict(settings.annotations)),
                spec=_pod(args, who, settings.name),
            ),
        ),
        opts=opts,
    )


def _pod(args: GpuReadinessArgs, who: Input[str], settings: Input[str]) -> PodSpecArgs:
    return PodSpecArgs(
        service_account_name=who,
        automount_service_account_token=True,
        # It ends at once: there is nothing that it would have to put down.
        termination_grace_period_seconds=5,
        image_pull_secrets=[LocalObjectReferenceArgs(name=args.pull_secret)] if args.pull_secret else None,
        security_context=as_nobody(),
        topology_spread_constraints=[
            TopologySpreadConstraintArgs(
                max_skew=1,
                topology_key="kubernetes.io/hostname",
                when_unsatisfiable="ScheduleAnyway",
                label_selector=LabelSelectorArgs(match_labels={NAME: CALLED}),
            )
        ],
        containers=[
            ContainerArgs(
                name=CALLED,
                image=args.planned.image.value.by_digest,
                image_pull_policy="IfNotPresent",
                args=[CALLED, f"{FOLDER}/{FILE}"],
                resources=ResourceRequirementsArgs(requests=dict(AMOUNTS), limits={"memory": AMOUNTS["memory"]}),
                security_context=SecurityContextArgs(
                    allow_privilege_escalation=False,
                    read_only_root_filesystem=True,
                    capabilities=CapabilitiesArgs(drop=["ALL"]),
                ),
                volume_mounts=[VolumeMountArgs(name="settings", mount_path=FOLDER, read_only=True)],
            )
        ],
        volumes=[VolumeArgs(name="settings", config_map=ConfigMapVolumeSourceArgs(name=settings))],
    )
