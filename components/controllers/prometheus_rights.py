"""What the Prometheus operator and its Prometheus may do in the API.

Upstream's own operator may do everything with every Secret, ConfigMap and StatefulSet of the cluster
(prometheus-operator v0.93.0, example/rbac). This one writes in its own namespace alone, which is made for it, and of
the servers' it reads monitors and rules. Its Prometheus finds pods there and may nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi import Input, Resource, ResourceOptions
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
GROUP = "monitoring.coreos.com"

READ = ("get", "list", "watch")
FOLLOWED = ("podmonitors", "probes", "prometheusrules", "servicemonitors")


def operators_rights(
    name: str,
    *,
    called: str,
    own: Input[str],
    watched: Input[str],
    namespaces: Sequence[str],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> list[Resource]:
    """Of the ServiceAccount `called` in `own`, which follows `watched` too; `namespaces` are the names of both."""
    who = SubjectArgs(kind="ServiceAccount", name=called, namespace=own)
    anywhere = ObjectMetaArgs(name=called, labels=labels)
    role = ClusterRole(f"{name}-anywhere", metadata=anywhere, rules=_anywhere(namespaces), opts=opts)
    bound = ClusterRoleBinding(
        f"{name}-anywhere",
        metadata=anywhere,
        role_ref=RoleRefArgs(
            api_group=API, kind="ClusterRole", name=role.metadata.apply(lambda made: made.name or called)
        ),
        subjects=[who],
        opts=opts,
    )
    follows = [_may(GROUP, FOLLOWED, READ)]
    return [
        bound,
        namespaced(f"{name}-own", called, own, [*follows, *_own()], who, labels, opts),
        namespaced(f"{name}-watched", called, watched, follows, who, labels, opts),
    ]


def scrapers_rights(
    name: str,
    *,
    called: str,
    own: Input[str],
    watched: Input[str],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> Resource:
    """Of the ServiceAccount `called` in `own`, which finds pods in `watched`. With these real Prometheus scrapes
    (local/cluster/metrics_objects.py)."""
    who = SubjectArgs(kind="ServiceAccount", name=called, namespace=own)
    return namespaced(name, called, watched, [_may("", ("pods",), ("list", "watch"))], who, labels, opts)


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


def _anywhere(namespaces: Sequence[str]) -> list[PolicyRuleArgs]:
    return [
        # Selectors of namespaces are matched with the labels of these; listing all is not needed (pkg/listwatch).
        PolicyRuleArgs(api_groups=[""], resources=["namespaces"], resource_names=list(namespaces), verbs=["get"]),
        # A volume's class that is not there is said in the status of Prometheus (pkg/operator, `CheckStorageClass`).
        _may("storage.k8s.io", ("storageclasses",), ("get",)),
        # It asks whether it may everywhere, and says nothing otherwise (cmd/operator/main.go).
        _may("events.k8s.io", ("events",), ("create", "patch")),
    ]


def _own() -> list[PolicyRuleArgs]:
    return [
        _may(GROUP, ("prometheuses",), READ),
        _may(GROUP, ("prometheuses/status",), ("update", "patch")),
        # Owners of objects are set with `blockOwnerDeletion`, which some clusters allow to whoever may this alone.
        _may(GROUP, ("prometheuses/finalizers",), ("update",)),
        _may("apps", ("statefulsets",), (*READ, "create", "update", "patch", "delete")),
        _may("", ("configmaps", "secrets"), (*READ, "create", "update", "delete")),
        _may("", ("services", "services/finalizers"), ("get", "create", "update", "delete")),
        _may("", ("pods",), ("list", "delete")),
    ]


def _may(group: str, resources: Sequence[str], verbs: Sequence[str]) -> PolicyRuleArgs:
    return PolicyRuleArgs(api_groups=[group], resources=list(resources), verbs=list(verbs))
