"""Who may do what in the cluster: an access entry for each principal that the settings name, and a policy of EKS or the
groups that Kubernetes' own roles are bound to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi import Input, Resource, ResourceOptions
from pulumi_aws import eks

from planning.settings.eks import Grant

POLICIES = {"administer": "AmazonEKSClusterAdminPolicy", "view": "AmazonEKSViewPolicy"}
"""EKS's own (docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html). The second reads no Secrets."""


def access_entries(
    name: str,
    grants: Sequence[Grant],
    *,
    cluster: Input[str],
    partition: str,
    tags: Mapping[str, str],
    opts: ResourceOptions,
) -> list[Resource]:
    made: list[Resource] = []
    for grant in grants:
        entry = eks.AccessEntry(
            f"{name}-{_short(grant.principal)}",
            cluster_name=cluster,
            principal_arn=grant.principal,
            type="STANDARD",
            kubernetes_groups=list(grant.groups) or None,
            tags=dict(tags),
            opts=opts,
        )
        if grant.may == "groups":
            made.append(entry)
            continue
        made.append(
            eks.AccessPolicyAssociation(
                f"{name}-{_short(grant.principal)}",
                cluster_name=cluster,
                principal_arn=entry.principal_arn,
                policy_arn=f"arn:{partition}:eks::aws:cluster-access-policy/{POLICIES[grant.may]}",
                access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                opts=ResourceOptions.merge(opts, ResourceOptions(depends_on=[entry])),
            )
        )
    return made


def _short(principal: str) -> str:
    """What tells principals apart: `123456789012-role-platform`."""
    account, _, who = principal.partition("iam::")[2].partition(":")
    return f"{account}-{who.replace('/', '-')}"
