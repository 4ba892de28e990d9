"""What people may do in the serving namespace, by their groups in the cloud: roles of Kubernetes' RBAC.

Nobody reads Secrets, and nobody gets into a pod that runs: `get` of Secrets, `pods/exec`, `pods/attach`,
`pods/portforward` and `pods/ephemeralcontainers` are in none of the roles. Who may change a Deployment could have its
pod read a Secret instead; the rules on pods refuse that (`PodRule.NO_SECRET`), unless the stack's own pods read one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.model_versions import GROUP, PLURAL
from planning.settings.security import People

Verb = Literal["get", "list", "watch", "create", "update", "patch", "delete"]

READ: tuple[Verb, ...] = ("get", "list", "watch")
CHANGE: tuple[Verb, ...] = ("update", "patch")

EVERYTHING_SHOWN = (
    ("", ("pods", "services", "configmaps", "events", "serviceaccounts", "persistentvolumeclaims")),
    ("", ("resourcequotas", "limitranges")),
    ("apps", ("deployments", "replicasets")),
    ("batch", ("jobs",)),
    ("autoscaling", ("horizontalpodautoscalers",)),
    ("policy", ("poddisruptionbudgets",)),
    ("networking.k8s.io", ("networkpolicies",)),
    ("discovery.k8s.io", ("endpointslices",)),
    ("metrics.k8s.io", ("pods",)),
    ("monitoring.coreos.com", ("podmonitors",)),
    (GROUP, (PLURAL,)),
)
"""By API group: what a server consists of, and what tells of it. Not Secrets."""


READS_SECRETS = Rule("TU708", Severity.WARNING, "Whoever rolls models out reads no Secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """`verbs` on `resources` of the API group `api` (empty: Kubernetes' core)."""

    api: str
    resources: tuple[str, ...]
    verbs: tuple[Verb, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRole:
    """A role and the groups that have it."""

    name: str
    groups: tuple[str, ...]
    grants: Derived[tuple[Grant, ...]]


_VIEWER = tuple(Grant(api=api, resources=resources, verbs=READ) for api, resources in EVERYTHING_SHOWN)

_ML_ENGINEER = (
    *_VIEWER,
    Grant(api="", resources=("pods/log",), verbs=("get",)),
    # The models' address is part of the Deployment; `kubectl rollout restart` and `undo` are patches of it as well.
    Grant(api="apps", resources=("deployments",), verbs=CHANGE),
)

_OPERATOR = (
    *_ML_ENGINEER,
    Grant(api="apps", resources=("deployments/scale",), verbs=("get", *CHANGE)),
    Grant(api="autoscaling", resources=("horizontalpodautoscalers",), verbs=CHANGE),
    Grant(api="", resources=("pods",), verbs=("delete",)),
    # By way of the disruption budget, unlike a deletion.
    Grant(api="", resources=("pods/eviction",), verbs=("create",)),
)


def check_people(people: People, secrets: Sequence[str]) -> tuple[Finding, ...]:
    """`secrets`: the names of those that the stack's own pods read."""
    if not secrets or not (people.ml_engineers or people.operators):
        return ()
    names = ", ".join(sorted(set(secrets)))
    return (
        Finding(
            rule=READS_SECRETS,
            at=setting(f"security.people.{'ml_engineers' if people.ml_engineers else 'operators'}"),
            what=f"may change Deployments where pods read a Secret ({names}), and so have pods read any.",
            fix="Let pods come to the models by an identity of the cloud, without keys, or accept this with a reason.",
        ),
    )


def plan_people(people: People) -> tuple[PlannedRole, ...]:
    """The roles that some group has."""
    roles: Sequence[tuple[str, Sequence[str], tuple[Grant, ...], str]] = (
        ("viewer", people.viewers, _VIEWER, "sees all objects of the servers, and neither logs nor Secrets"),
        (
            "ml-engineer",
            people.ml_engineers,
            _ML_ENGINEER,
            "sees what a viewer sees and logs, and rolls Deployments out and back",
        ),
        (
            "operator",
            people.operators,
            _OPERATOR,
            "does what an ml-engineer does, scales, and takes pods away, by eviction or by deletion",
        ),
    )
    return tuple(
        PlannedRole(name=name, groups=tuple(groups), grants=Derived(grants, because))
        for name, groups, grants, because in roles
        if groups
    )
