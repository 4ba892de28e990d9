"""The drainer of nodes whose GPU has failed (`gpu_health/`), and the agent beside it where the cloud has none.

The drainer is one pod anywhere: nobody in particular, without access to any node. In the API it sees nodes and pods,
taints the ones and evicts the others, which disruption budgets may refuse it; it deletes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, Role, RoleBinding, RoleRefArgs, SubjectArgs

from components.gpu.health_agent import health_agent
from components.gpu.own_program import account, own_namespace, running
from components.labels import NAME, common
from planning.gpu_health import PlannedHealth

NAMESPACE = "tritonup-gpu-health"
"""One for the cluster, like the taint's key. Every object of it that has no namespace is called the same."""

CALLED = "gpu-health"
FILE = "gpu-health.json"

REPLICAS = 1
"""The Lease keeps two from acting at once, in an update or when a node is cut off; a second one would only wait."""

GRACE_S = 20
"""To finish a call (gpu_health/drainer.py, CALL_S) and to give the Lease back."""

AMOUNTS = {"cpu": "10m", "memory": "64Mi"}
"""Measured: 23 MiB resident when it has begun (VmHWM, CPython 3.11); beside that it holds a page of pods and what it
needs to know of each pool's nodes. The limit is of memory alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHealthArgs:
    """`pull_secret` is of the user's registry, in the namespaces of these programs; they make it."""

    planned: PlannedHealth
    pull_secret: str | None
    labels: Mapping[str, str]


class GpuHealth(pulumi.ComponentResource):
    def __init__(self, name: str, args: GpuHealthArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:gpu:GpuHealth", name, None, opts)
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
            rules=[
                PolicyRuleArgs(api_groups=[""], resources=["nodes"], verbs=["list", "patch"]),
                PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["list"]),
                PolicyRuleArgs(api_groups=[""], resources=["pods/eviction"], verbs=["create"]),
            ],
            labels=labels,
            opts=child,
        )
        _may_hold_the_lease(f"{name}-lease", inside, who, labels, child)
        running(
            name,
            called=CALLED,
            namespace=inside,
            who=who,
            image=args.planned.image.value,
            command=[CALLED, "drain"],
            file=FILE,
            text=settings_file(args.planned),
            replicas=REPLICAS,
            amounts=AMOUNTS,
            grace_s=GRACE_S,
            pull_secret=args.pull_secret,
            labels=labels,
            opts=child,
        )
        if args.planned.agent:
            health_agent(
                f"{name}-agent", planned=args.planned, pull_secret=args.pull_secret, labels=args.labels, opts=child
            )
        self.register_outputs({})


def settings_file(planned: PlannedHealth) -> str:
    """What the drainer reads (gpu_health/settings.py)."""
    sign = planned.sign.value
    said = {
        "taint": planned.taint,
        "lease": {"namespace": NAMESPACE, "name": CALLED},
        "signs": [{"condition": sign.condition, "status": sign.status}],
        "pools": [
            {"name": pool.name, "labels": dict(pool.labels), "at_once": pool.at_once.value} for pool in planned.pools
        ],
    }
    return json.dumps(said, indent=2, sort_keys=True) + "\n"


def _may_hold_the_lease(
    name: str, namespace: Input[str], who: Input[str], labels: Mapping[str, str], opts: ResourceOptions
) -> None:
    metadata = ObjectMetaArgs(name=CALLED, namespace=namespace, labels=labels)
    group, resources = ["coordination.k8s.io"], ["leases"]
    role = Role(
        name,
        metadata=metadata,
        rules=[
            # A name cannot be asked for of what is not there yet.
            PolicyRuleArgs(api_groups=group, resources=resources, verbs=["create"]),
            PolicyRuleArgs(api_groups=group, resources=resources, resource_names=[CALLED], verbs=["get", "update"]),
        ],
        opts=opts,
    )
    RoleBinding(
        f"{name}-binding",
        metadata=metadata,
        role_ref=RoleRefArgs(
            api_group="rbac.authorization.k8s.io",
            kind="Role",
            name=role.metadata.apply(lambda metadata: metadata.name or CALLED),
        ),
        subjects=[SubjectArgs(kind="ServiceAccount", name=who, namespace=namespace)],
        opts=opts,
    )
