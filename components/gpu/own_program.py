"""A program of ours that talks to the API server: its namespace, its account with no right more than it needs, and
what it is told.

It calls the API server and nobody else, and nobody calls it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    Namespace,
    PodSecurityContextArgs,
    SeccompProfileArgs,
    ServiceAccount,
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

from components.labels import NAME, common
from components.security.network import default_deny
from planning.network import API_PORTS

FOLDER = "/etc/tritonup"
SETTINGS_DIGEST = "tritonup/settings-digest"
"""Annotation of the pod template: the file is read once."""

USER = 65532
"""Nobody's on any node."""


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


def as_nobody() -> PodSecurityContextArgs:
    return PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=USER,
        run_as_group=USER,
        fs_group=USER,
        seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )
