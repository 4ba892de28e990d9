"""What Karpenter may do in the API: as its own chart has it (aws/karpenter-provider-aws v1.14.1, charts/karpenter/
templates, clusterrole-core.yaml, clusterrole.yaml, role.yaml), but for kinds that are read behind gates that are off.

It reads what decides where pods can stand, evicts and deletes pods, changes and deletes nodes, and holds one Lease. It
reads no Secret and no ConfigMap, and starts no pod.
"""

from __future__ import annotations

from collections.abc import Mapping

from pulumi import Resource, ResourceOptions
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, SubjectArgs

from components.controllers.bound_roles import READ, everywhere, may, namespaced

CALLED = "karpenter"
LEASE = "karpenter-leader-election"


def rights(name: str, *, who: str, namespace: str, labels: Mapping[str, str], opts: ResourceOptions) -> list[Resource]:
    """Of the ServiceAccount `who` in `namespace`."""
    subject = SubjectArgs(kind="ServiceAccount", name=who, namespace=namespace)
    return [
        everywhere(f"{name}-anywhere", CALLED, _anywhere(), subject, labels, opts),
        namespaced(f"{name}-inside", CALLED, namespace, _inside(), subject, labels, opts),
    ]


def _anywhere() -> list[PolicyRuleArgs]:
    return [
        may("karpenter.sh", ("nodepools", "nodepools/status", "nodeclaims", "nodeclaims/status"), READ),
        may("karpenter.sh", ("nodeclaims", "nodeclaims/status"), ("create", "delete", "update", "patch")),
        may("karpenter.sh", ("nodepools", "nodepools/status"), ("update", "patch")),
        may("karpenter.k8s.aws", ("ec2nodeclasses",), READ),
        may("karpenter.k8s.aws", ("ec2nodeclasses", "ec2nodeclasses/status"), ("patch", "update")),
        may(
            "",
            ("pods", "nodes", "persistentvolumes", "persistentvolumeclaims", "replicationcontrollers", "namespaces"),
            READ,
        ),
        may("storage.k8s.io", ("storageclasses", "csinodes", "volumeattachments"), READ),
        may("apps", ("daemonsets", "deployments", "replicasets", "statefulsets"), READ),
        may("policy", ("poddisruptionbudgets",), READ),
        may("", ("events",), (*READ, "create", "patch")),
        may("", ("nodes",), ("patch", "delete", "update")),
        may("", ("pods/eviction",), ("create",)),
        may("", ("pods",), ("delete",)),
    ]


def _inside() -> list[PolicyRuleArgs]:
    leases = ("coordination.k8s.io", ("leases",))
    return [
        may(*leases, ("get", "watch")),
        may(*leases, ("patch", "update"), called=LEASE),
        # A name cannot be asked for of what is not there yet.
        may(*leases, ("create",)),
        # Nodes of images without EKS's own bootstrap are told the address of cluster DNS.
        may("", ("services",), ("get",), called="kube-dns"),
    ]
