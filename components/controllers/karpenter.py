"""Karpenter, which buys nodes for pods that wait, as its own chart runs it (aws/karpenter-provider-aws v1.14.1, charts/
karpenter/templates).

What differs from the chart: the image is named by its digest alone, the region is stated, because metadata is out of
the reach of pods, it stands on the plan's system nodes and nowhere else, and its pods talk to DNS, to the API server,
to AWS and to nobody else. It has no Service: the chart's is for metrics, which nobody of this stack scrapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
)
from pulumi_kubernetes.core.v1 import (
    AffinityArgs,
    ContainerArgs,
    ContainerPortArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    HTTPGetActionArgs,
    ObjectFieldSelectorArgs,
    PodAffinityTermArgs,
    PodAntiAffinityArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    ResourceFieldSelectorArgs,
    ResourceRequirementsArgs,
    ServiceAccount,
    TolerationArgs,
    TopologySpreadConstraintArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from components.controllers.definitions import definitions
from components.controllers.karpenter_rights import rights
from components.labels import INSTANCE, NAME, common
from components.security.network import network_policy
from components.security.restricted import as_nobody, restricted
from planning.karpenter import PlannedKarpenter

CALLED = "karpenter"
OWN: Mapping[str, str] = {NAME: CALLED, INSTANCE: CALLED}

DEFINITIONS = ("ec2nodeclasses.karpenter.k8s.aws", "nodeclaims.karpenter.sh", "nodepools.karpenter.sh")
"""Those of the chart but two, whose kinds are read behind feature gates that are off (NodeOverlay, CapacityBuffer)."""

METRICS_PORT, HEALTH_PORT = 8080, 8081

AMOUNTS = {"cpu": "1", "memory": "1Gi"}
"""As Karpenter's own guide has them (website/content/en/docs/getting-started/getting-started-with-karpenter/scripts/
step08-apply-helm-chart.sh). It takes the requested CPU for how much to do at a time, and the limit of memory for its
heap's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KarpenterArgs:
    planned: PlannedKarpenter
    labels: Mapping[str, str]


class Karpenter(pulumi.ComponentResource):
    """Its definitions, its rights and its pods, in the cluster of the Kubernetes provider in `opts`. Objects of its
    kinds depend on it, so that they are made later and are gone before: a node that Karpenter bought is drained and
    ended by a Karpenter that still runs."""

    def __init__(self, name: str, args: KarpenterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:controllers:Karpenter", name, None, opts)
        child = ResourceOptions(parent=self)
        labels = {**common(args.labels), **OWN}
        inside = args.planned.identity.namespace
        known = definitions(name, DEFINITIONS, labels=args.labels, opts=child)
        who = args.planned.identity.account
        account = ServiceAccount(
            f"{name}-account",
            metadata=ObjectMetaArgs(name=who, namespace=inside, labels=labels),
            automount_service_account_token=False,
            opts=child,
        )
        may = rights(f"{name}-may", who=who, namespace=inside, labels=labels, opts=child)
        closed = network_policy(
            f"{name}-network",
            of=CALLED,
            pods=OWN,
            namespace=inside,
            labels=labels,
            allowances=args.planned.network,
            opts=child,
        )
        PodDisruptionBudget(
            f"{name}-budget",
            metadata=ObjectMetaArgs(name=CALLED, namespace=inside, labels=labels),
            spec=PodDisruptionBudgetSpecArgs(max_unavailable=1, selector=LabelSelectorArgs(match_labels=dict(OWN))),
            opts=child,
        )
        Deployment(
            f"{name}-deployment",
            metadata=ObjectMetaArgs(name=CALLED, namespace=inside, labels=labels),
            spec=DeploymentSpecArgs(
                replicas=args.planned.replicas.value,
                strategy=DeploymentStrategyArgs(
                    type="RollingUpdate", rolling_update=RollingUpdateDeploymentArgs(max_unavailable=1)
                ),
                selector=LabelSelectorArgs(match_labels=dict(OWN)),
                template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=labels), spec=_pod(args.planned)),
            ),
            opts=ResourceOptions.merge(child, ResourceOptions(depends_on=[*known, account, *may, closed])),
        )
        self.register_outputs({})


def environment(planned: PlannedKarpenter) -> dict[str, str]:
    """Its settings (pkg/operator/options/options.go, and the same of kubernetes-sigs/karpenter)."""
    return {
        "AWS_REGION": planned.region,
        "CLUSTER_NAME": planned.cluster,
        "INTERRUPTION_QUEUE": planned.queue,
        "FEATURE_GATES": ",".join(f"{gate}={str(on).lower()}" for gate, on in planned.features.value.items()),
        "METRICS_PORT": str(METRICS_PORT),
        "HEALTH_PROBE_PORT": str(HEALTH_PORT),
    }


def _pod(planned: PlannedKarpenter) -> PodSpecArgs:
    own = LabelSelectorArgs(match_labels=dict(OWN))
    return PodSpecArgs(
        service_account_name=planned.identity.account,
        automount_service_account_token=True,
        enable_service_links=False,
        priority_class_name="system-cluster-critical",
        security_context=as_nobody(),
        node_selector={"kubernetes.io/os": "linux", **planned.nodes},
        tolerations=[TolerationArgs(key="CriticalAddonsOnly", operator="Exists")],
        affinity=AffinityArgs(
            pod_anti_affinity=PodAntiAffinityArgs(
                required_during_scheduling_ignored_during_execution=[
                    PodAffinityTermArgs(topology_key="kubernetes.io/hostname", label_selector=own)
                ]
            )
        ),
        topology_spread_constraints=[
            TopologySpreadConstraintArgs(
                max_skew=1,
                topology_key="topology.kubernetes.io/zone",
                when_unsatisfiable="DoNotSchedule",
                label_selector=own,
            )
        ],
        containers=[_controller(planned)],
    )


def _controller(planned: PlannedKarpenter) -> ContainerArgs:
    return ContainerArgs(
        name="controller",
        image=planned.image.value.by_digest,
        image_pull_policy="IfNotPresent",
        env=[
            *(EnvVarArgs(name=name, value=value) for name, value in environment(planned).items()),
            EnvVarArgs(
                name="SYSTEM_NAMESPACE",
                value_from=EnvVarSourceArgs(field_ref=ObjectFieldSelectorArgs(field_path="metadata.namespace")),
            ),
            _amount("CPU_REQUESTS", "requests.cpu", divisor="1m"),
            _amount("MEMORY_LIMIT", "limits.memory", divisor="0"),
        ],
        ports=[
            ContainerPortArgs(name="http-metrics", container_port=METRICS_PORT, protocol="TCP"),
            ContainerPortArgs(name="http", container_port=HEALTH_PORT, protocol="TCP"),
        ],
        liveness_probe=_asks("/healthz", after_s=30),
        readiness_probe=_asks("/readyz", after_s=5),
        resources=ResourceRequirementsArgs(requests=dict(AMOUNTS), limits=dict(AMOUNTS)),
        security_context=restricted(),
    )


def _amount(name: str, resource: str, *, divisor: str) -> EnvVarArgs:
    return EnvVarArgs(
        name=name,
        value_from=EnvVarSourceArgs(
            resource_field_ref=ResourceFieldSelectorArgs(
                container_name="controller", resource=resource, divisor=divisor
            )
        ),
    )


def _asks(path: str, *, after_s: int) -> ProbeArgs:
    return ProbeArgs(
        initial_delay_seconds=after_s, timeout_seconds=30, http_get=HTTPGetActionArgs(path=path, port="http")
    )
