"""Which ends of a Job's pod count as attempts."""

from __future__ import annotations

from pulumi_kubernetes.batch.v1 import (
    PodFailurePolicyArgs,
    PodFailurePolicyOnPodConditionsPatternArgs,
    PodFailurePolicyRuleArgs,
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
