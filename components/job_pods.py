"""The pod of a Job of ours: who it is, what keeps its node, and which of its ends count as attempts.

It runs as Triton's pods do, with no token of Kubernetes' and no name of a Service, and is not started a second time:
its Job makes another.
"""

from __future__ import annotations

from collections.abc import Sequence

from pulumi import Input
from pulumi_kubernetes.batch.v1 import (
    PodFailurePolicyArgs,
    PodFailurePolicyOnPodConditionsPatternArgs,
    PodFailurePolicyRuleArgs,
)
from pulumi_kubernetes.core.v1 import AffinityArgs, ContainerArgs, PodSpecArgs, TolerationArgs, VolumeArgs

from components.images import pull_secrets
from components.security.restricted import as_user
from planning.volumes import USER

STAY = {"karpenter.sh/do-not-disrupt": "true", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
"""Annotations of a pod whose node is not taken away to save cost (Karpenter, "Disruption", Pod-Level Controls; Cluster
Autoscaler FAQ, "What types of pods can prevent CA from removing a node?")."""


def job_pod(
    *,
    containers: Sequence[ContainerArgs],
    volumes: Sequence[VolumeArgs],
    owns_volumes: bool,
    pull_secret: str | None,
    account: Input[str] | None = None,
    before: Sequence[ContainerArgs] | None = None,
    node_selector: dict[str, str] | None = None,
    affinity: AffinityArgs | None = None,
    tolerations: list[TolerationArgs] | None = None,
) -> PodSpecArgs:
    """`before` are its init containers. `owns_volumes`: files of its volumes are its group's, so that it can write."""
    return PodSpecArgs(
        service_account_name=account,
        automount_service_account_token=False,
        enable_service_links=False,
        restart_policy="Never",
        image_pull_secrets=pull_secrets(pull_secret),
        security_context=as_user(USER, owns_volumes=owns_volumes),
        node_selector=node_selector,
        affinity=affinity,
        tolerations=tolerations,
        init_containers=before,
        containers=containers,
        volumes=volumes,
    )


def disruptions_uncounted() -> PodFailurePolicyArgs:
    """A node that was taken away is no attempt (batch/v1, `podFailurePolicy`, condition DisruptionTarget)."""
    return PodFailurePolicyArgs(
        rules=[
            PodFailurePolicyRuleArgs(
                action="Ignore",
                on_pod_conditions=[PodFailurePolicyOnPodConditionsPatternArgs(type="DisruptionTarget", status="True")],
            )
        ]
    )
