"""The Prometheus operator and one Prometheus, where this program installs them: which versions, on which nodes, and
whose monitors they follow.

The operator follows two namespaces and no others: its own, where Prometheus runs, and that of the servers, whose
PodMonitors say what is scraped. It is one pod, because it elects no leader (prometheus-operator v0.93.0, cmd/operator/
main.go); Prometheus goes on without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from planning.catalogue.prometheus import OPERATOR, PROMETHEUS
from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.images import ImageLock, ImageRef
from planning.network import Allowance, plan_operators_network, plan_prometheus_network
from planning.release import UNCONFIRMED_IMAGE, locked_image
from planning.settings.cluster import Eks, Local, described
from planning.settings.controllers import Presence
from planning.settings.monitoring import InstalledPrometheus, KeptOnVolume, PrometheusOperator
from planning.settings.quantities import Duration, Memory
from planning.settings.root import Settings
from planning.system_nodes import SystemNodes

NOT_OURS = Rule("TU950", Severity.ERROR, "What is said of Prometheus is said of one that the stack runs")
NOWHERE = Rule("TU951", Severity.ERROR, "What is installed to collect metrics has a namespace of its own")
NO_CLASS = Rule("TU952", Severity.ERROR, "The volume of Prometheus has a StorageClass that the cluster has")

OPERATOR_IMAGE, RELOADER_IMAGE, PROMETHEUS_IMAGE = "prometheus-operator", "prometheus-config-reloader", "prometheus"
TAGS: Mapping[str, str] = {
    OPERATOR_IMAGE: f"v{OPERATOR}",
    RELOADER_IMAGE: f"v{OPERATOR}",
    PROMETHEUS_IMAGE: f"v{PROMETHEUS}-distroless",
}

KEPT_SHARE = 0.8
"""Of the storage, that samples may fill: the write-ahead log grows beside them (Prometheus, "Storage": 80 to 85 %)."""

SYSTEM = ("kube-system", "kube-public", "kube-node-lease", "default")
"""Namespaces that are there already, and not to be closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPrometheus:
    """`namespace` is made for it, `watched` the servers' own; `nodes` are the labels of the nodes that it stands on.
    `kept` is how much samples may fill of `settings.storage`. `selects` are the labels of the monitors that it
    follows, all where there are none."""

    namespace: str
    watched: str
    pod_security: str
    images: Mapping[str, Derived[ImageRef]]
    nodes: Mapping[str, str]
    settings: InstalledPrometheus
    replicas: Derived[int]
    retention: Derived[Duration]
    kept: Derived[Memory]
    selects: Mapping[str, str]
    operators_network: tuple[Allowance, ...]
    network: tuple[Allowance, ...]


def plan_prometheus(
    settings: Settings, nodes: SystemNodes, lock: ImageLock
) -> tuple[PlannedPrometheus | None, tuple[Finding, ...]]:
    """None where somebody else runs it, nobody does, or it cannot be installed."""
    monitoring = settings.monitoring
    if settings.controllers.prometheus_operator is not Presence.INSTALL:
        stray = isinstance(monitoring, PrometheusOperator) and monitoring.prometheus is not None
        return None, (_stray(settings),) if stray else ()
    if isinstance(settings.cluster, Local):
        # check_controllers says so.
        return None, ()
    if not isinstance(monitoring, PrometheusOperator):
        return None, (nowhere("prometheus_operator"),)
    own = monitoring.prometheus or InstalledPrometheus()
    images = {name: locked_image(name, tag, settings, lock) for name, tag in TAGS.items()}
    confirmed = {name: image for name, image in images.items() if image is not None}
    found = (*_unconfirmed(images), *_shared_namespace(settings, monitoring.namespace), *_without_class(settings, own))
    if found:
        return None, found
    stated = monitoring.prometheus.model_fields_set if monitoring.prometheus else set[str]()
    return (
        PlannedPrometheus(
            namespace=monitoring.namespace,
            watched=settings.namespace,
            pod_security=f"v{described(settings.cluster).kubernetes}",
            images=confirmed,
            nodes=nodes.labels,
            settings=own,
            replicas=Derived(
                own.replicas,
                "monitoring.prometheus.replicas says so"
                if "replicas" in stated
                else "servers keep the replicas that they have while it is moved",
            ),
            retention=Derived(
                own.retention,
                "monitoring.prometheus.retention says so"
                if "retention" in stated
                else "scaling looks at the last minute, people at the last day",
            ),
            kept=Derived(
                Memory.mebibytes(int(own.storage.size.bytes * KEPT_SHARE) // 2**20),
                f"four fifths of {own.storage.size}: the write-ahead log grows beside it",
            ),
            selects=dict(monitoring.labels),
            operators_network=plan_operators_network(),
            network=plan_prometheus_network(settings.namespace, own.callers),
        ),
        (),
    )


def _stray(settings: Settings) -> Finding:
    presence = settings.controllers.prometheus_operator
    return Finding(
        rule=NOT_OURS,
        at=setting("monitoring.prometheus"),
        what=f"Nobody reads it: `controllers.prometheus_operator` is `{presence}`, so the stack runs no Prometheus.",
        fix="Write `controllers.prometheus_operator: install`, or take `prometheus` away.",
    )


def nowhere(controller: str) -> Finding:
    """Of a controller that is installed to collect or serve metrics which nobody collects."""
    return Finding(
        rule=NOWHERE,
        at=setting("monitoring.kind"),
        what=f"'none' gives what `controllers.{controller}: install` brings no namespace to run in.",
        fix="Write `prometheus-operator`.",
    )


def _shared_namespace(settings: Settings, namespace: str) -> Iterator[Finding]:
    if namespace in (settings.namespace, *SYSTEM):
        whose = "the servers' own" if namespace == settings.namespace else "there before the stack"
        yield Finding(
            rule=NOWHERE,
            at=setting("monitoring.namespace"),
            what=f"{namespace!r} is {whose}, and the namespace of what is installed is made for it and closed.",
            fix="Write a name that no namespace has, such as `monitoring`.",
        )


def _without_class(settings: Settings, own: InstalledPrometheus) -> Iterator[Finding]:
    storage = own.storage
    if (
        isinstance(storage, KeptOnVolume)
        and storage.storage_class is None
        and isinstance(described(settings.cluster), Eks)
    ):
        yield Finding(
            rule=NO_CLASS,
            at=setting("monitoring.prometheus.storage.storage_class"),
            what="is missing, and a cluster of EKS has no default class: the volume would never come.",
            fix="Name a StorageClass that you make, such as `gp3`, or write `storage: {kind: node}`.",
        )


def _unconfirmed(images: Mapping[str, object]) -> Iterator[Finding]:
    for name, image in images.items():
        if image is None:
            yield Finding(
                rule=UNCONFIRMED_IMAGE,
                at=setting("controllers.prometheus_operator"),
                what=f"Nobody confirmed the digest of {name}:{TAGS[name]}, which 'install' runs.",
                fix=f"Run `tritonup images update {name}:{TAGS[name]}` where the registry can be reached.",
            )
