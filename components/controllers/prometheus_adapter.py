"""prometheus-adapter, which serves the metric that servers are scaled on (kubernetes-sigs/prometheus-adapter v0.12.0,
deploy/manifests).

What differs from upstream's own manifests: the image is named by its digest; its rules are those of one metric; it
lists pods of the servers' namespace, where upstream's lists nodes, pods, services and namespaces of the cluster; it
serves no metrics.k8s.io, which metrics-server does; and nobody gets rights to what it serves, because the scaler's
account has them (planning/prometheus_adapter.py).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.apiregistration.v1 import APIService, APIServiceSpecArgs, ServiceReferenceArgs
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
)
from pulumi_kubernetes.core.v1 import (
    AffinityArgs,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    HTTPGetActionArgs,
    PodAffinityTermArgs,
    PodAntiAffinityArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    SecretVolumeSourceArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs
from pulumi_kubernetes.rbac.v1 import ClusterRoleBinding, PolicyRuleArgs, RoleBinding, RoleRefArgs, SubjectArgs

from components.controllers.bound_roles import API, namespaced
from components.gpu.own_program import Told, told
from components.labels import INSTANCE, common
from components.security.network import network_policy
from components.security.restricted import as_nobody, restricted
from planning.network import ADAPTER
from planning.prometheus_adapter import PORT, RULES, PlannedAdapter
from planning.settings.monitoring import GivenCertificate

CALLED = "prometheus-adapter"
OWN: Mapping[str, str] = {**ADAPTER, INSTANCE: CALLED}

GROUP, VERSION = "custom.metrics.k8s.io", "v1beta1"

CONFIG, FILE = "/etc/adapter", "config.yaml"
SERVING = "/var/run/serving"

AMOUNTS = {"cpu": "100m", "memory": "180Mi"}
"""As upstream requests them; memory is limited to twice that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusAdapterArgs:
    """`namespace` is there and `watched`, the servers' own, too when they are known."""

    planned: PlannedAdapter
    namespace: Input[str]
    watched: Input[str]
    labels: Mapping[str, str]


class PrometheusAdapter(pulumi.ComponentResource):
    """Its rights, its pods, and the API that it serves, which is there when they are and gone before them: while an
    API is announced and nobody serves it, no namespace of the cluster can be deleted."""

    def __init__(self, name: str, args: PrometheusAdapterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:controllers:PrometheusAdapter", name, None, opts)
        child = ResourceOptions(parent=self)
        labels = {**common(args.labels), **OWN}
        planned = args.planned
        inside = ObjectMetaArgs(name=CALLED, namespace=args.namespace, labels=labels)
        account = ServiceAccount(f"{name}-account", metadata=inside, automount_service_account_token=False, opts=child)
        rights = _rights(name, args, labels, child)
        open_to = network_policy(
            f"{name}-network",
            of=CALLED,
            pods=OWN,
            namespace=args.namespace,
            labels=labels,
            allowances=planned.network,
            opts=child,
        )
        rules = told(
            f"{name}-rules",
            called=CALLED,
            namespace=args.namespace,
            file=FILE,
            text=RULES,
            labels=labels,
            opts=child,
        )
        if planned.replicas.value > 1:
            PodDisruptionBudget(
                f"{name}-budget",
                metadata=inside,
                spec=PodDisruptionBudgetSpecArgs(max_unavailable=1, selector=LabelSelectorArgs(match_labels=dict(OWN))),
                opts=child,
            )
        running = Deployment(
            f"{name}-deployment",
            metadata=inside,
            spec=DeploymentSpecArgs(
                replicas=planned.replicas.value,
                strategy=DeploymentStrategyArgs(
                    type="RollingUpdate", rolling_update=RollingUpdateDeploymentArgs(max_unavailable=1, max_surge=0)
                ),
                selector=LabelSelectorArgs(match_labels=dict(OWN)),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(labels=labels, annotations=dict(rules.annotations)),
                    spec=_pod(planned, rules),
                ),
            ),
            opts=ResourceOptions.merge(child, ResourceOptions(depends_on=[account, *rights, open_to])),
        )
        service = Service(
            f"{name}-service",
            metadata=inside,
            spec=ServiceSpecArgs(
                selector=dict(OWN),
                ports=[ServicePortArgs(name="https", port=443, target_port="https", protocol="TCP")],
            ),
            opts=ResourceOptions.merge(child, ResourceOptions(depends_on=[running])),
        )
        APIService(
            f"{name}-api",
            metadata=ObjectMetaArgs(name=f"{VERSION}.{GROUP}", labels=labels),
            spec=APIServiceSpecArgs(
                group=GROUP,
                version=VERSION,
                group_priority_minimum=100,
                version_priority=100,
                service=ServiceReferenceArgs(
                    name=service.metadata.apply(lambda made: made.name or CALLED), namespace=planned.namespace, port=443
                ),
                **_trusted(planned),
            ),
            opts=ResourceOptions.merge(child, ResourceOptions(depends_on=[running, service])),
        )
        self.register_outputs({})


def arguments(planned: PlannedAdapter) -> list[str]:
    """Its flags (cmd/adapter/adapter.go, and those of a generic API server)."""
    proven = (
        [f"--tls-cert-file={SERVING}/tls.crt", f"--tls-private-key-file={SERVING}/tls.key"]
        if isinstance(planned.certificate, GivenCertificate)
        else [f"--cert-dir={SERVING}"]
    )
    return [
        f"--secure-port={PORT}",
        *proven,
        f"--config={CONFIG}/{FILE}",
        f"--prometheus-url={planned.url.value}",
        f"--metrics-relist-interval={planned.relist.value}",
        f"--metrics-max-age={planned.age.value}",
    ]


class _Trust(TypedDict, total=False):
    ca_bundle: str
    insecure_skip_tls_verify: bool


def _trusted(planned: PlannedAdapter) -> _Trust:
    match planned.certificate:
        case GivenCertificate(authority=authority):
            return {"ca_bundle": base64.b64encode(authority.encode()).decode()}
        case _:
            return {"insecure_skip_tls_verify": True}


def _rights(
    name: str, args: PrometheusAdapterArgs, labels: Mapping[str, str], opts: ResourceOptions
) -> list[RoleBinding | ClusterRoleBinding]:
    """It lists the servers' pods (pkg/custom-provider, `ListObjectNames`), and asks the API server who calls it and
    whether they may."""
    who = SubjectArgs(kind="ServiceAccount", name=CALLED, namespace=args.namespace)
    lists = PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "list"])
    delegator, reader = f"{CALLED}-auth-delegator", f"{CALLED}-auth-reader"
    return [
        namespaced(f"{name}-may", CALLED, args.watched, [lists], who, labels, opts),
        ClusterRoleBinding(
            f"{name}-auth-delegator",
            metadata=ObjectMetaArgs(name=delegator, labels=labels),
            role_ref=RoleRefArgs(api_group=API, kind="ClusterRole", name="system:auth-delegator"),
            subjects=[who],
            opts=opts,
        ),
        RoleBinding(
            f"{name}-auth-reader",
            metadata=ObjectMetaArgs(name=reader, namespace="kube-system", labels=labels),
            role_ref=RoleRefArgs(api_group=API, kind="Role", name="extension-apiserver-authentication-reader"),
            subjects=[who],
            opts=opts,
        ),
    ]


def _pod(planned: PlannedAdapter, rules: Told) -> PodSpecArgs:
    term = PodAffinityTermArgs(
        topology_key="kubernetes.io/hostname", label_selector=LabelSelectorArgs(match_labels=dict(OWN))
    )
    given = planned.certificate
    serving = (
        VolumeArgs(name="serving", secret=SecretVolumeSourceArgs(secret_name=given.name))
        if isinstance(given, GivenCertificate)
        else VolumeArgs(name="serving", empty_dir=EmptyDirVolumeSourceArgs(medium="Memory", size_limit="1Mi"))
    )
    return PodSpecArgs(
        service_account_name=CALLED,
        automount_service_account_token=True,
        enable_service_links=False,
        security_context=as_nobody(),
        node_selector={"kubernetes.io/os": "linux", **planned.nodes},
        affinity=AffinityArgs(
            pod_anti_affinity=PodAntiAffinityArgs(required_during_scheduling_ignored_during_execution=[term])
        )
        if planned.replicas.value > 1
        else None,
        volumes=[
            VolumeArgs(name="rules", config_map=ConfigMapVolumeSourceArgs(name=rules.name)),
            serving,
            VolumeArgs(name="tmp", empty_dir=EmptyDirVolumeSourceArgs(size_limit="16Mi")),
        ],
        containers=[
            ContainerArgs(
                name=CALLED,
                image=planned.image.value.by_digest,
                image_pull_policy="IfNotPresent",
                args=arguments(planned),
                ports=[ContainerPortArgs(name="https", container_port=PORT, protocol="TCP")],
                liveness_probe=_asks("/livez", after_s=30),
                readiness_probe=_asks("/readyz", after_s=5),
                resources=ResourceRequirementsArgs(requests=dict(AMOUNTS), limits={"cpu": "500m", "memory": "360Mi"}),
                security_context=restricted(),
                volume_mounts=[
                    VolumeMountArgs(name="rules", mount_path=CONFIG, read_only=True),
                    VolumeMountArgs(name="serving", mount_path=SERVING, read_only=isinstance(given, GivenCertificate)),
                    VolumeMountArgs(name="tmp", mount_path="/tmp"),  # noqa: S108  the pod's own
                ],
            )
        ],
    )


def _asks(path: str, *, after_s: int) -> ProbeArgs:
    return ProbeArgs(
        initial_delay_seconds=after_s,
        period_seconds=5,
        timeout_seconds=5,
        failure_threshold=5,
        http_get=HTTPGetActionArgs(path=path, port="https", scheme="HTTPS"),
    )
