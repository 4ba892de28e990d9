"""The namespace that servers live in: restricted, silent, and with its own priority.

It owns the Namespace with the Pod Security labels, the rules on pods beside them (`components/security/admission.py`),
a NetworkPolicy that denies everything in both directions, the quota, the roles of people, and the PriorityClass of
serving pods. Exceptions are added by each server, as the plan lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.scheduling.v1 import PriorityClass

from components.labels import common
from components.security.admission import pod_policy
from components.security.network import default_deny
from components.security.people import people
from components.security.quota import quota
from planning.admission import PodRule
from planning.people import PlannedRole
from planning.quota import Quota

SERVING_PRIORITY = 1_000_000
"""Above everything that states no priority (0) and far below the system's classes (2,000,000,000), so that batch
work yields to serving and nothing of the cluster's own does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingNamespaceArgs:
    namespace: str
    pod_security: str
    """The version whose restricted profile is enforced: `v1.35`."""
    pod_rules: Sequence[PodRule]
    quota: Quota
    people: Sequence[PlannedRole]
    priority_class: str
    labels: Mapping[str, str]


class ServingNamespace(pulumi.ComponentResource):
    """`namespace` and `priority_class` are the names of what it made: the one is known when the namespace is closed,
    the other when the class exists."""

    namespace: Output[str]
    priority_class: Output[str]

    def __init__(self, name: str, args: ServingNamespaceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:security:ServingNamespace", name, None, opts)
        child = ResourceOptions(parent=self)
        labels = common(args.labels)
        security = {
            f"pod-security.kubernetes.io/{mode}{suffix}": value
            for mode in ("enforce", "audit", "warn")
            for suffix, value in (("", "restricted"), ("-version", args.pod_security))
        }
        namespace = Namespace(
            f"{name}-namespace",
            metadata=ObjectMetaArgs(name=args.namespace, labels={**labels, **security}),
            opts=child,
        )
        there = namespace.metadata.apply(lambda metadata: metadata.name or args.namespace)
        deny = default_deny(
            f"{name}-default-deny",
            namespace=there,
            labels=labels,
            opts=child,
        )
        rules = pod_policy(f"{name}-pods", namespace=args.namespace, rules=args.pod_rules, labels=labels, opts=child)
        most, defaults = quota(name, args.quota, namespace=there, labels=labels, opts=child)
        people(name, args.people, namespace=there, labels=labels, opts=child)
        # Whatever goes into the namespace waits until it is closed and its rules hold.
        self.namespace = Output.all(deny.metadata, rules.metadata, most.metadata, defaults.metadata).apply(
            lambda _: args.namespace
        )
        priority = PriorityClass(
            f"{name}-priority",
            metadata=ObjectMetaArgs(name=args.priority_class, labels=labels),
            value=SERVING_PRIORITY,
            global_default=False,
            preemption_policy="PreemptLowerPriority",
            description="Pods that answer requests: batch work yields to them.",
            opts=child,
        )
        self.priority_class = priority.metadata.apply(lambda metadata: metadata.name or args.priority_class)
        self.register_outputs({"namespace": self.namespace, "priority_class": self.priority_class})
