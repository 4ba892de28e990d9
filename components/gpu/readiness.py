"""The program that takes the start-up taint off GPU nodes (`gpu_readiness/`), with the least that it needs.

It sees nodes and patches them, nothing else in the API. It talks to the API server and to nobody else, as a user with
no rights, on a file system that it cannot write to. What it is told is a file, and a change of the pools a rollout.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    LocalObjectReferenceArgs,
    Namespace,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    ServiceAccount,
    TopologySpreadConstraintArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs
from pulumi_kubernetes.rbac.v1 import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRuleArgs,
    RoleRefArgs,
    SubjectArgs,
)

from components.labels import NAME, common
from components.security.network import default_deny
from planning.gpu_readiness import PlannedReadiness

NAMESPACE = "tritonup-gpu-readiness"
"""One for the cluster, like the taint's key. Every object of it that has no namespace is called the same."""

CALLED = "gpu-readiness"
VERBS = ("get", "list", "watch", "patch")
"""What it may do to nodes. All nodes: RBAC knows no nodes of a pool."""

API_PORTS = (443, 6443)
"""Of API servers. Which addresses they have only the cluster knows, and a policy sees them behind their Service."""

FOLDER, FILE = "/etc/tritonup", "gpu-readiness.json"
SETTINGS_DIGEST = "tritonup/settings-digest"
"""Annotation of the pod template: the file is read once."""

USER = 65532
"""Nobody's on any node."""

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
        namespace = Namespace(
            f"{name}-namespace",
            metadata=ObjectMetaArgs(
                name=NAMESPACE,
                labels={**common(args.labels), "pod-security.kubernetes.io/enforce": "restricted"},
            ),
            opts=child,
        )
        inside = namespace.metadata.apply(lambda metadata: metadata.name or NAMESPACE)
        default_deny(f"{name}-default-deny", namespace=inside, labels=common(args.labels), opts=child)
        _to_the_api_server(f"{name}-api-server", inside, labels, child)
        account = _account(f"{name}-account", inside, labels, child)
        _deployment(name, args, inside, account, labels, child)
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


def _to_the_api_server(
    name: str, namespace: Input[str], labels: Mapping[str, str], opts: ResourceOptions
) -> NetworkPolicy:
    return NetworkPolicy(
        name,
        metadata=ObjectMetaArgs(name="api-server", namespace=namespace, labels=labels),
        spec=NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(match_labels={NAME: CALLED}),
            policy_types=["Egress"],
            egress=[
                NetworkPolicyEgressRuleArgs(
                    to=[NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=cidr)) for cidr in ("0.0.0.0/0", "::/0")],
                    ports=[NetworkPolicyPortArgs(protocol="TCP", port=port) for port in API_PORTS],
                )
            ],
        ),
        opts=opts,
    )


def _account(name: str, namespace: Input[str], labels: Mapping[str, str], opts: ResourceOptions) -> pulumi.Output[str]:
    account = ServiceAccount(
        name,
        metadata=ObjectMetaArgs(name=CALLED, namespace=namespace, labels=labels),
        automount_service_account_token=False,
        opts=opts,
    )
    role = ClusterRole(
        f"{name}-role",
        metadata=ObjectMetaArgs(name=NAMESPACE, labels=labels),
        rules=[PolicyRuleArgs(api_groups=[""], resources=["nodes"], verbs=list(VERBS))],
        opts=opts,
    )
    called = account.metadata.apply(lambda metadata: metadata.name or CALLED)
    ClusterRoleBinding(
        f"{name}-binding",
        metadata=ObjectMetaArgs(name=NAMESPACE, labels=labels),
        role_ref=RoleRefArgs(
            api_group="rbac.authorization.k8s.io",
            kind="ClusterRole",
            name=role.metadata.apply(lambda metadata: metadata.name or NAMESPACE),
        ),
        subjects=[SubjectArgs(kind="ServiceAccount", name=called, namespace=namespace)],
        opts=opts,
    )
    return called


def _deployment(
    name: str,
    args: GpuReadinessArgs,
    namespace: Input[str],
    account: Input[str],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> Deployment:
    text = settings_file(args.planned)
    settings = ConfigMap(
        f"{name}-settings",
        metadata=ObjectMetaArgs(name=CALLED, namespace=namespace, labels=labels),
        data={FILE: text},
        opts=opts,
    )
    return Deployment(
        name,
        metadata=ObjectMetaArgs(name=CALLED, namespace=namespace, labels=labels),
        spec=DeploymentSpecArgs(
            replicas=args.planned.replicas,
            selector=LabelSelectorArgs(match_labels={NAME: CALLED}),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(
                    labels=labels,
                    annotations={SETTINGS_DIGEST: f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"},
                ),
                spec=_pod(args, account, settings.metadata.apply(lambda metadata: metadata.name or CALLED)),
            ),
        ),
        opts=opts,
    )


def _pod(args: GpuReadinessArgs, account: Input[str], settings: Input[str]) -> PodSpecArgs:
    return PodSpecArgs(
        service_account_name=account,
        automount_service_account_token=True,
        # It ends at once: there is nothing that it would have to put down.
        termination_grace_period_seconds=5,
        image_pull_secrets=[LocalObjectReferenceArgs(name=args.pull_secret)] if args.pull_secret else None,
        security_context=PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            fs_group=USER,
            seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
        ),
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
