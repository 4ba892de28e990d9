"""Roles for people in the serving namespace, bound to groups (planning/people.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, Role, RoleBinding, RoleRefArgs, SubjectArgs

from planning.people import PlannedRole

API_GROUP = "rbac.authorization.k8s.io"


def people(
    name: str, roles: Sequence[PlannedRole], *, namespace: Input[str], labels: Mapping[str, str], opts: ResourceOptions
) -> None:
    """A Role and its RoleBinding for each of `roles`, both of the role's name."""
    for role in roles:
        metadata = ObjectMetaArgs(name=role.name, namespace=namespace, labels=labels)
        made = Role(
            f"{name}-{role.name}",
            metadata=metadata,
            rules=[
                PolicyRuleArgs(
                    api_groups=[grant.api], resources=list(grant.resources), verbs=[str(verb) for verb in grant.verbs]
                )
                for grant in role.grants.value
            ],
            opts=opts,
        )
        RoleBinding(
            f"{name}-{role.name}",
            metadata=metadata,
            role_ref=RoleRefArgs(
                api_group=API_GROUP,
                kind="Role",
                name=made.metadata.apply(lambda metadata, known=role.name: metadata.name or known),
            ),
            subjects=[SubjectArgs(api_group=API_GROUP, kind="Group", name=group) for group in role.groups],
            opts=opts,
        )
