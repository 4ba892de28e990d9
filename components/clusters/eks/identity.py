"""Roles for controllers, by EKS Pod Identity: one ServiceAccount of one cluster, and nobody else, may take each.

The role trusts EKS's service, which says as session tags for which pod it asks
(docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html, "Setting Conditions").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi import Input, ResourceOptions
from pulumi_aws import iam

from components.clusters.eks.policies import Statement, document
from planning.clusters.eks import Identity


def pod_role(
    name: str,
    identity: Identity,
    *,
    cluster: str,
    account: str,
    managed: Sequence[str],
    tags: Mapping[str, str],
    opts: ResourceOptions,
    policy: Input[str] | None = None,
) -> iam.Role:
    """The role of `identity`, with AWS's `managed` policies (ARNs) and `policy` of its own."""
    role = iam.Role(
        name,
        description=f"ServiceAccount {identity.namespace}/{identity.account} of the EKS cluster {cluster}",
        assume_role_policy=document(
            Statement(
                sid="ThisAccountOfThisCluster",
                actions=["sts:AssumeRole", "sts:TagSession"],
                principals={"Service": "pods.eks.amazonaws.com"},
                conditions={
                    "StringEquals": {
                        "aws:SourceAccount": account,
                        "aws:RequestTag/eks-cluster-name": cluster,
                        "aws:RequestTag/kubernetes-namespace": identity.namespace,
                        "aws:RequestTag/kubernetes-service-account": identity.account,
                    }
                },
            )
        ),
        tags=dict(tags),
        opts=opts,
    )
    for index, arn in enumerate(managed):
        iam.RolePolicyAttachment(name if index == 0 else f"{name}-{index}", role=role.name, policy_arn=arn, opts=opts)
    if policy is not None:
        iam.RolePolicy(name, role=role.name, policy=policy, opts=opts)
    return role
