"""What Karpenter may do in the API: as its own chart has it (aws/karpenter-provider-aws v1.14.1, charts/karpenter/
templates, clusterrole-core.yaml, clusterrole.yaml, role.yaml), but for kinds that are read behind gates that are off.

It reads what decides where pods can stand, evicts and deletes pods, changes and deletes nodes, and holds one Lease. It
reads no Secret and no ConfigMap, and starts no pod.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi import Resource, ResourceOptions
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRuleArgs,
    Role,
    RoleBinding,
    RoleRefArgs,
    SubjectArgs,
)

CALLED = "karpenter"
LEASE = "karpenter-leader-election"
API = "rbac.authorization.k8s.io"

READ = ("get", "list", "watch")


def rights(name: str, *, who: str, namespace: str, labels: Mapping[str, str], opts: ResourceOptions) -> list[Resource]:
    """Of the ServiceAccount `who` in `namespace`."""
    subject = SubjectArgs(kind="ServiceAccount", name=who, namespace=namespace)
    anywhere = ObjectMetaArgs(name=CALLED, labels=labels)
    inside = ObjectMetaArgs(name=CALLED, namespace=namespace, labels=labels)
    role = ClusterRole(f"{name}-anywhere", metadata=anywhere, rules=_anywhere(), opts=opts)
    own = Role(f"{name}-inside", metadata=inside, rules=_inside(), opts=opts)
    return [
        ClusterRoleBinding(
            f"{name}-anywhere",
            metadata=anywhere,
            role_ref=RoleRefArgs(
                api_group=API, kind="ClusterRole", name=role.metadata.apply(lambda made: made.name or CALLED)
            ),
            subjects=[subject],
            opts=opts,
        ),
        RoleBinding(
            f"{name}-inside",
            metadata=inside,
            role_ref=RoleRefArgs(api_group=API, kind="Role", name=own.metadata.apply(lambda made: made.name or CALLED)),
            subjects=[subject],
            opts=opts,
        ),
    ]


def _anywhere() -> list[PolicyRuleArgs]:
    return [
        _may("karpenter.sh", ("nodepools", "nodepools/status", "nodeclaims", "nodeclaims/status"), READ),
        _may("karpenter.sh", ("nodeclaims", "nodeclaims/status"), ("create", "delete", "update", "patch")),
        _may("karpenter.sh", ("nodepools", "nodepools/status"), ("update", "patch")),
        _may("karpenter.k8s.aws", ("ec2nodeclasses",), READ),
        _may("karpenter.k8s.aws", ("ec2nodeclasses", "ec2nodeclasses/status"), ("patch", "update")),
        _may(
            "",
            ("pods", "nodes", "persistentvolumes", "persistentvolumeclaims", "replicationcontrollers", "namespaces"),
            READ,
        ),
        _may("storage.k8s.io", ("storageclasses", "csinodes", "volumeattachments"), READ),
        _may("apps", ("daemonsets", "deployments", "replicasets", "statefulsets"), READ),
        _may("policy", ("poddisruptionbudgets",), READ),
        _may("", ("events",), (*READ, "create", "patch")),
        _may("", ("nodes",), ("patch", "delete", "update")),
        _may("", ("pods/eviction",), ("create",)),
        _may("", ("pods",), ("delete",)),
    ]


def _inside() -> list[PolicyRuleArgs]:
    leases = ("coordination.k8s.io", ("leases",))
    return [
        _may(*leases, ("get", "watch")),
        _may(*leases, ("patch", "update"), called=LEASE),
        # A name cannot be asked for of what is not there yet.
        _may(*leases, ("create",)),
        # Nodes of images without EKS's own bootstrap are told the address of cluster DNS.
        _may("", ("services",), ("get",), called="kube-dns"),
    ]


def _may(group: str, resources: Sequence[str], verbs: Sequence[str], *, called: str | None = None) -> PolicyRuleArgs:
    return PolicyRuleArgs(
        api_groups=[group],
        resources=list(resources),
        verbs=list(verbs),
        resource_names=[called] if called else None,
    )
