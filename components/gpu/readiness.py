"""The program that takes the start-up taint off GPU nodes (`gpu_readiness/`), with the least that it needs.

It sees nodes and patches them, nothing else in the API. It talks to the API server and to nobody else, as a user with
no rights, on a file system that it cannot write to. What it is told is a file, and a change of the pools a rollout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components.gpu.own_program import account, own_namespace, running
from components.labels import NAME, common
from planning.gpu_readiness import PlannedReadiness

NAMESPACE = "tritonup-gpu-readiness"
"""One for the cluster, like the taint's key. Every object of it that has no namespace is called the same."""

CALLED = "gpu-readiness"
VERBS = ("get", "list", "watch", "patch")
"""What it may do to nodes. All nodes: RBAC knows no nodes of a pool."""

FILE = "gpu-readiness.json"

GRACE_S = 5
"""It ends at once: there is nothing that it would have to put down."""

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
        running(
            name,
            called=CALLED,
            namespace=inside,
            who=who,
            image=args.planned.image.value,
            command=[CALLED],
            file=FILE,
            text=settings_file(args.planned),
            replicas=args.planned.replicas,
            amounts=AMOUNTS,
            grace_s=GRACE_S,
            pull_secret=args.pull_secret,
            labels=labels,
            opts=child,
        )
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
