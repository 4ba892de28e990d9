"""A program of ours that talks to the API server: its namespace, its account with no right more than it needs, what it
is told, and its Deployment.

It calls the API server and nobody else, and nobody calls it. It runs as a user with no rights, on a file system that it
cannot write to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    Namespace,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ResourceRequirementsArgs,
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
from pulumi_kubernetes.rbac.v1 import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRuleArgs,
    RoleRefArgs,
    SubjectArgs,
)

from components.images import pull_secrets
from components.labels import NAME, common
from components.security.network import default_deny
from components.security.restricted import as_nobody
from planning.images import ImageRef
from planning.network import API_PORTS

FOLDER = "/etc/tritonup"
SETTINGS_DIGEST = "tritonup/settings-digest"
"""Annotation of the pod template: the file is read once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A ConfigMap, and the annotations of a pod that reads it: what differs is a rollout."""

    name: Output[str]
    annotations: Mapping[str, str]


def own_namespace(
    name: str,
    *,
    namespace: str,
    called: str,
    pod_security: Literal["restricted", "privileged"],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> Output[str]:
    """`called` is the program's name; `labels` are the user's own."""
    made = Namespace(
        f"{name}-namespace",
        metadata=ObjectMetaArgs(
            name=namespace, labels={**common(labels), "pod-security.kubernetes.io/enforce": pod_security}
        ),
        opts=opts,
    )
    inside = made.metadata.apply(lambda metadata: metadata.name or namespace)
    default_deny(f"{name}-default-deny", namespace=inside, labels=common(labels), opts=opts)
    NetworkPolicy(
        f"{name}-api-server",
        metadata=ObjectMetaArgs(name="api-server", namespace=inside, labels={**common(labels), NAME: called}),
        spec=NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(match_labels={NAME: called}),
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
    return inside


def account(
    name: str,
    *,
    called: str,
    cluster_wide: str,
    namespace: Input[str],
    rules: Sequence[PolicyRuleArgs],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> Output[str]:
    """A ServiceAccount that may do what `rules` say in the whole cluster, where its role is called `cluster_wide`."""
    made = ServiceAccount(
        name,
        metadata=ObjectMetaArgs(name=called, namespace=namespace, labels=labels),
        automount_service_account_token=False,
        opts=opts,
    )
    role = ClusterRole(
        f"{name}-role", metadata=ObjectMetaArgs(name=cluster_wide, labels=labels), rules=list(rules), opts=opts
    )
    is_called = made.metadata.apply(lambda metadata: metadata.name or called)
    ClusterRoleBinding(
        f"{name}-binding",
        metadata=ObjectMetaArgs(name=cluster_wide, labels=labels),
        role_ref=RoleRefArgs(
            api_group="rbac.authorization.k8s.io",
            kind="ClusterRole",
            name=role.metadata.apply(lambda metadata: metadata.name or cluster_wide),
        ),
        subjects=[SubjectArgs(kind="ServiceAccount", name=is_called, namespace=namespace)],
        opts=opts,
    )
    return is_called


def told(
    name: str,
    *,
    called: str,
    namespace: Input[str],
    file: str,
    text: str,
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> Told:
    made = ConfigMap(
        name,
        metadata=ObjectMetaArgs(name=called, namespace=namespace, labels=labels),
        data={file: text},
        opts=opts,
    )
    return Told(
        name=made.metadata.apply(lambda metadata: metadata.name or called),
        annotations={SETTINGS_DIGEST: f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"},
    )


def running(
    name: str,
    *,
    called: str,
    namespace: Input[str],
    who: Input[str],
    image: ImageRef,
    command: Sequence[str],
    file: str,
    text: str,
    replicas: int,
    amounts: Mapping[str, str],
    grace_s: int,
    pull_secret: str | None,
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> Deployment:
    """`command` is followed by the path of `file`, which holds `text`. `amounts` are requests, and memory's is a limit
    too. Several of its pods are on different nodes, as far as there are some."""
    settings = told(
        f"{name}-settings", called=called, namespace=namespace, file=file, text=text, labels=labels, opts=opts
    )
    own = LabelSelectorArgs(match_labels={NAME: called})
    pod = PodSpecArgs(
        service_account_name=who,
        automount_service_account_token=True,
        termination_grace_period_seconds=grace_s,
        image_pull_secrets=pull_secrets(pull_secret),
        security_context=as_nobody(),
        topology_spread_constraints=[
            TopologySpreadConstraintArgs(
                max_skew=1,
                topology_key="kubernetes.io/hostname",
                when_unsatisfiable="ScheduleAnyway",
                label_selector=own,
            )
        ]
        if replicas > 1
        else None,
        containers=[
            ContainerArgs(
                name=called,
                image=image.by_digest,
                image_pull_policy="IfNotPresent",
                args=[*command, f"{FOLDER}/{file}"],
                resources=ResourceRequirementsArgs(requests=dict(amounts), limits={"memory": amounts["memory"]}),
                security_context=SecurityContextArgs(
                    allow_privilege_escalation=False,
                    read_only_root_filesystem=True,
                    capabilities=CapabilitiesArgs(drop=["ALL"]),
                ),
                volume_mounts=[VolumeMountArgs(name="settings", mount_path=FOLDER, read_only=True)],
            )
        ],
        volumes=[VolumeArgs(name="settings", config_map=ConfigMapVolumeSourceArgs(name=settings.name))],
    )
    return Deployment(
        name,
        metadata=ObjectMetaArgs(name=called, namespace=namespace, labels=labels),
        spec=DeploymentSpecArgs(
            replicas=replicas,
            selector=own,
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels=labels, annotations=dict(settings.annotations)), spec=pod
            ),
        ),
        opts=opts,
    )
