"""What the Prometheus operator and its Prometheus may do in the API.

Upstream's own operator may do everything with every Secret, ConfigMap and StatefulSet of the cluster
(prometheus-operator v0.93.0, example/rbac). This one writes in its own namespace alone, which is made for it, and of
the servers' it reads monitors and rules. Its Prometheus finds pods there and may nothing else.

Of Secrets it reads those that it makes itself, and no other: the key that the adapter serves with is beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi import Input, Resource, ResourceOptions
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, SubjectArgs

from components.controllers.bound_roles import READ, everywhere, may, namespaced

GROUP = "monitoring.coreos.com"

CONFIGURATION = "prometheus-prometheus"
"""The Secret in which the operator tells the Prometheus `prometheus` what to do (pkg/prometheus/common.go,
`ConfigSecretName`)."""

BESIDE = tuple(
    f"{CONFIGURATION}-{suffix}" for suffix in ("tls-assets-0", "web-config", "thanos-prometheus-http-client-file")
)
"""It makes these too, of a Prometheus that asks for none of it (pkg/prometheus/server/operator.go, `sync`)."""

ASKED_FOR = f"{CONFIGURATION}-tls-assets-1"
"""It deletes what follows the last one, until there is none (pkg/operator/sharded_secret.go,
`cleanupExcessSecretShards`)."""

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
    follows = [may(GROUP, FOLLOWED, READ)]
    return [
        everywhere(f"{name}-anywhere", called, _anywhere(namespaces), who, labels, opts),
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
    return namespaced(name, called, watched, [may("", ("pods",), ("list", "watch"))], who, labels, opts)


def _anywhere(namespaces: Sequence[str]) -> list[PolicyRuleArgs]:
    return [
        # Selectors of namespaces are matched with the labels of these; listing all is not needed (pkg/listwatch).
        PolicyRuleArgs(api_groups=[""], resources=["namespaces"], resource_names=list(namespaces), verbs=["get"]),
        # A volume's class that is not there is said in the status of Prometheus (pkg/operator, `CheckStorageClass`).
        may("storage.k8s.io", ("storageclasses",), ("get",)),
        # It asks whether it may everywhere, and says nothing otherwise (cmd/operator/main.go).
        may("events.k8s.io", ("events",), ("create", "patch")),
    ]


def _own() -> list[PolicyRuleArgs]:
    return [
        may(GROUP, ("prometheuses",), READ),
        may(GROUP, ("prometheuses/status",), ("update", "patch")),
        # Owners of objects are set with `blockOwnerDeletion`, which some clusters allow to whoever may this alone.
        may(GROUP, ("prometheuses/finalizers",), ("update",)),
        may("apps", ("statefulsets",), (*READ, "create", "update", "patch", "delete")),
        may("", ("configmaps",), (*READ, "create", "update", "delete")),
        # A name cannot be asked for of what is not there yet.
        may("", ("secrets",), ("create",)),
        *(may("", ("secrets",), ("get", "update"), called=name) for name in (CONFIGURATION, *BESIDE)),
        may("", ("secrets",), ("delete",), called=ASKED_FOR),
        # It watches what a Prometheus refers to, which ours does not. One name is a right to a list that selects it
        # (kubernetes/apiserver, pkg/endpoints/request/requestinfo.go, `NewRequestInfo`), as its flag makes it.
        may("", ("secrets",), ("list", "watch"), called=CONFIGURATION),
        may("", ("services", "services/finalizers"), ("get", "create", "update", "delete")),
        may("", ("pods",), ("list", "delete")),
    ]
