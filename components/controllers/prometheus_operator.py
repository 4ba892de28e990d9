"""The Prometheus operator, in a namespace that is made for it (prometheus-operator v0.93.0, example/rbac/
prometheus-operator).

What differs from upstream's own manifest: images are named by their digests, it follows two namespaces instead of all
and may write in one alone, it reads no nodes and keeps no endpoints of kubelets, it stands on the plan's system nodes,
and nobody calls it. Its admission webhook is left out: what this program renders is of its own types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    EnvVarArgs,
    HTTPGetActionArgs,
    Namespace,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    ServiceAccount,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from components.controllers.definitions import definitions
from components.controllers.prometheus import Prometheus, PrometheusArgs
from components.controllers.prometheus_rights import CONFIGURATION, operators_rights
from components.labels import INSTANCE, NAME, common
from components.security.network import default_deny, network_policy
from components.security.restricted import as_nobody, restricted
from planning.prometheus import OPERATOR_IMAGE, RELOADER_IMAGE, PlannedPrometheus

CALLED = "prometheus-operator"
OWN: Mapping[str, str] = {NAME: CALLED, INSTANCE: CALLED}

DEFINITIONS = tuple(
    f"{plural}.monitoring.coreos.com"
    for plural in ("podmonitors", "probes", "prometheuses", "prometheusrules", "servicemonitors")
)
"""Those of a Prometheus. The operator starts no controller of a kind that is not there (cmd/operator/main.go,
`checkPrerequisites`): Alertmanager, ThanosRuler, PrometheusAgent, ScrapeConfig."""

PORT = 8080

LIMITS = {"cpu": "200m", "memory": "200Mi"}
REQUESTS = {"cpu": "100m", "memory": "100Mi"}
"""As upstream has them (example/rbac/prometheus-operator/prometheus-operator-deployment.yaml)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusOperatorArgs:
    """`watched` is the servers' namespace, known when it exists."""

    planned: PlannedPrometheus
    watched: Input[str]
    labels: Mapping[str, str]


class PrometheusOperator(pulumi.ComponentResource):
    """The operator, its definitions and its Prometheus. What is of its kinds depends on it, so that it is made later
    and is gone before. `namespace` is known when it is closed."""

    namespace: Output[str]

    def __init__(self, name: str, args: PrometheusOperatorArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:controllers:PrometheusOperator", name, None, opts)
        child = ResourceOptions(parent=self)
        labels = {**common(args.labels), **OWN}
        planned = args.planned
        self.namespace = _closed_namespace(name, planned, args.labels, child)
        known = definitions(name, DEFINITIONS, labels=args.labels, opts=child)
        account = ServiceAccount(
            f"{name}-account",
            metadata=ObjectMetaArgs(name=CALLED, namespace=self.namespace, labels=labels),
            automount_service_account_token=False,
            opts=child,
        )
        may = operators_rights(
            f"{name}-may",
            called=CALLED,
            own=self.namespace,
            watched=args.watched,
            namespaces=[planned.namespace, planned.watched],
            labels=labels,
            opts=child,
        )
        open_to = network_policy(
            f"{name}-network",
            of=CALLED,
            pods=OWN,
            namespace=self.namespace,
            labels=labels,
            allowances=planned.operators_network,
            opts=child,
        )
        first: list[Resource] = [*known, account, *may, open_to]
        running = Deployment(
            f"{name}-deployment",
            metadata=ObjectMetaArgs(name=CALLED, namespace=self.namespace, labels=labels),
            spec=DeploymentSpecArgs(
                replicas=1,
                strategy=DeploymentStrategyArgs(type="Recreate"),
                selector=LabelSelectorArgs(match_labels=dict(OWN)),
                template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=labels), spec=_pod(planned)),
            ),
            opts=ResourceOptions.merge(child, ResourceOptions(depends_on=first)),
        )
        Prometheus(
            "prometheus",
            PrometheusArgs(
                planned=planned, namespace=self.namespace, watched=args.watched, after=running, labels=args.labels
            ),
            child,
        )
        self.register_outputs({"namespace": self.namespace})


def arguments(planned: PlannedPrometheus) -> list[str]:
    """Its flags (cmd/operator/main.go). Two of its pods would fight: it elects no leader."""
    reloader = planned.images[RELOADER_IMAGE].value
    return [
        f"--namespaces={planned.namespace},{planned.watched}",
        f"--prometheus-instance-namespaces={planned.namespace}",
        f"--prometheus-config-reloader={reloader.by_digest}",
        "--enable-config-reloader-probes=true",
        f"--secret-field-selector=metadata.name={CONFIGURATION}",
        "--kubelet-endpoints=false",
        # What a Prometheus without any selector once meant, and nobody should have by mistake.
        "--disable-unmanaged-prometheus-configuration=true",
    ]


def _closed_namespace(
    name: str, planned: PlannedPrometheus, labels: Mapping[str, str], opts: ResourceOptions
) -> Output[str]:
    security = {
        f"pod-security.kubernetes.io/{mode}{suffix}": value
        for mode in ("enforce", "audit", "warn")
        for suffix, value in (("", "restricted"), ("-version", planned.pod_security))
    }
    made = Namespace(
        f"{name}-namespace",
        metadata=ObjectMetaArgs(name=planned.namespace, labels={**common(labels), **security}),
        opts=opts,
    )
    there = made.metadata.apply(lambda metadata: metadata.name or planned.namespace)
    deny = default_deny(f"{name}-default-deny", namespace=there, labels=common(labels), opts=opts)
    return deny.metadata.apply(lambda _: planned.namespace)


def _pod(planned: PlannedPrometheus) -> PodSpecArgs:
    return PodSpecArgs(
        service_account_name=CALLED,
        automount_service_account_token=True,
        enable_service_links=False,
        security_context=as_nobody(),
        node_selector={"kubernetes.io/os": "linux", **planned.nodes},
        containers=[
            ContainerArgs(
                name=CALLED,
                image=planned.images[OPERATOR_IMAGE].value.by_digest,
                image_pull_policy="IfNotPresent",
                args=arguments(planned),
                # As upstream has it: it holds many definitions and little else.
                env=[EnvVarArgs(name="GOGC", value="30")],
                ports=[ContainerPortArgs(name="http", container_port=PORT, protocol="TCP")],
                liveness_probe=_asks(after_s=30),
                readiness_probe=_asks(after_s=1),
                resources=ResourceRequirementsArgs(requests=dict(REQUESTS), limits=dict(LIMITS)),
                security_context=restricted(),
            )
        ],
    )


def _asks(*, after_s: int) -> ProbeArgs:
    return ProbeArgs(
        initial_delay_seconds=after_s, timeout_seconds=5, http_get=HTTPGetActionArgs(path="/healthz", port="http")
    )
