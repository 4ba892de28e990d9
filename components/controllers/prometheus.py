"""The Prometheus that the operator runs: it scrapes what the servers' PodMonitors select, and nothing else.

An object of the kind Prometheus (monitoring.coreos.com/v1; prometheus-operator v0.93.0, pkg/apis/monitoring/v1), of
which the operator makes a StatefulSet. Its containers are restricted by what is said of the pod here and by what the
operator says of each (pkg/prometheus/server/statefulset.go, `makeStatefulSetSpec`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import Input, Resource, ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Service, ServiceAccount, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from components.controllers.prometheus_rights import scrapers_rights
from components.labels import INSTANCE, NAME, common
from components.security.network import network_policy
from components.security.restricted import NOBODY
from planning.catalogue.prometheus import PROMETHEUS
from planning.network import NAMESPACE_LABEL, PROMETHEUS_PORT
from planning.prometheus import PROMETHEUS_IMAGE, PlannedPrometheus
from planning.settings.monitoring import KeptOnNode, KeptOnVolume

CALLED = "prometheus"
OWN: Mapping[str, str] = {NAME: CALLED, INSTANCE: CALLED}
"""On its pods, as the operator writes them (pkg/prometheus/server/statefulset.go, `makeSelectorLabels`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusArgs:
    """`after` is the operator: its object is made later than that, and is gone before."""

    planned: PlannedPrometheus
    namespace: Input[str]
    watched: Input[str]
    after: Resource
    labels: Mapping[str, str]


class Prometheus(pulumi.ComponentResource):
    """Prometheus, its rights, and its Service `prometheus`."""

    def __init__(self, name: str, args: PrometheusArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:controllers:Prometheus", name, None, opts)
        child = ResourceOptions(parent=self)
        labels = {**common(args.labels), **OWN}
        planned = args.planned
        account = ServiceAccount(
            f"{name}-account",
            metadata=ObjectMetaArgs(name=CALLED, namespace=args.namespace, labels=labels),
            automount_service_account_token=False,
            opts=child,
        )
        may = scrapers_rights(
            f"{name}-may", called=CALLED, own=args.namespace, watched=args.watched, labels=labels, opts=child
        )
        open_to = network_policy(
            f"{name}-network",
            of=CALLED,
            pods=OWN,
            namespace=args.namespace,
            labels=labels,
            allowances=planned.network,
            opts=child,
        )
        Service(
            f"{name}-service",
            metadata=ObjectMetaArgs(
                name=CALLED,
                namespace=args.namespace,
                labels=labels,
                # Its pods come by the operator, after this.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=ServiceSpecArgs(
                selector=dict(OWN),
                ports=[ServicePortArgs(name="web", port=PROMETHEUS_PORT, target_port="web", protocol="TCP")],
                # Two of them differ by a scrape: one caller is told one story.
                session_affinity="ClientIP",
            ),
            opts=child,
        )
        if planned.replicas.value > 1:
            PodDisruptionBudget(
                f"{name}-budget",
                metadata=ObjectMetaArgs(name=CALLED, namespace=args.namespace, labels=labels),
                spec=PodDisruptionBudgetSpecArgs(max_unavailable=1, selector=LabelSelectorArgs(match_labels=dict(OWN))),
                opts=child,
            )
        CustomResource(
            f"{name}-object",
            api_version="monitoring.coreos.com/v1",
            kind="Prometheus",
            metadata=ObjectMetaArgs(name=CALLED, namespace=args.namespace, labels=labels),
            spec=_spec(planned, args.labels),
            opts=ResourceOptions.merge(child, ResourceOptions(depends_on=[args.after, account, may, open_to])),
        )
        self.register_outputs({})


def _spec(planned: PlannedPrometheus, labels: Mapping[str, str]) -> dict[str, Any]:  # of the operator's own type
    own = planned.settings
    in_namespace = {"matchLabels": {NAMESPACE_LABEL: planned.watched}}
    selected = {"matchLabels": dict(planned.selects)} if planned.selects else {}
    amounts = {"cpu": str(own.cpu), "memory": str(own.memory)}
    return {
        "image": planned.images[PROMETHEUS_IMAGE].value.by_digest,
        "imagePullPolicy": "IfNotPresent",
        # Of which it is, since the image says it by a digest alone.
        "version": f"v{PROMETHEUS}",
        "replicas": planned.replicas.value,
        "retention": str(planned.retention.value),
        "retentionSize": f"{planned.kept.value.bytes // 2**20}MiB",
        "storage": _storage(own.storage),
        "podMonitorSelector": selected,
        "podMonitorNamespaceSelector": in_namespace,
        "ruleSelector": selected,
        "ruleNamespaceSelector": in_namespace,
        "serviceAccountName": CALLED,
        "podMetadata": {"labels": common(labels)},
        "nodeSelector": {"kubernetes.io/os": "linux", **planned.nodes},
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": NOBODY,
            "runAsGroup": NOBODY,
            "fsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": {"requests": amounts, "limits": {"memory": str(own.memory)}},
        **({"affinity": _apart()} if planned.replicas.value > 1 else {}),
    }


def _storage(storage: KeptOnNode | KeptOnVolume) -> dict[str, Any]:  # as _spec
    match storage:
        case KeptOnNode(size=size):
            return {"emptyDir": {"sizeLimit": str(size)}}
        case KeptOnVolume(size=size, storage_class=named):
            spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": str(size)}}}
            return {"volumeClaimTemplate": {"spec": {**spec, **({"storageClassName": named} if named else {})}}}


def _apart() -> dict[str, Any]:  # as _spec
    """No two on a node."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": dict(OWN)}}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
