"""What a controller may do in the API: a role with rules, and its binding to the controller's ServiceAccount."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi import Input, ResourceOptions
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

API = "rbac.authorization.k8s.io"

READ = ("get", "list", "watch")


def everywhere(
    name: str,
    called: str,
    rules: Sequence[PolicyRuleArgs],
    who: SubjectArgs,
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> ClusterRoleBinding:
    """A ClusterRole with these rules, bound to `who` in the whole cluster."""
    metadata = ObjectMetaArgs(name=called, labels=labels)
    role = ClusterRole(name, metadata=metadata, rules=list(rules), opts=opts)
    return ClusterRoleBinding(
        name,
        metadata=metadata,
        role_ref=RoleRefArgs(
            api_group=API, kind="ClusterRole", name=role.metadata.apply(lambda made: made.name or called)
        ),
        subjects=[who],
        opts=opts,
    )


def namespaced(
    name: str,
    called: str,
    namespace: Input[str],
    rules: Sequence[PolicyRuleArgs],
    who: SubjectArgs,
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> RoleBinding:
    """A Role in `namespace` with these rules, bound to `who`."""
    metadata = ObjectMetaArgs(name=called, namespace=namespace, labels=labels)
    role = Role(name, metadata=metadata, rules=list(rules), opts=opts)
    return RoleBinding(
        name,
        metadata=metadata,
        role_ref=RoleRefArgs(api_group=API, kind="Role", name=role.metadata.apply(lambda made: made.name or called)),
        subjects=[who],
        opts=opts,
    )


def may(group: str, resources: Sequence[str], verbs: Sequence[str], *, called: str | None = None) -> PolicyRuleArgs:
    """The `verbs` on resources of `group`; on the one `called` so alone, where it is named."""
    return PolicyRuleArgs(
        api_groups=[group],
        resources=list(resources),
        verbs=list(verbs),
        resource_names=[called] if called else None,
    )
