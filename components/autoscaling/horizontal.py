"""A lane's scaler: the owner of its replicas, whether they move or not."""

from __future__ import annotations

from collections.abc import Mapping

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.autoscaling.v2 import (
    CrossVersionObjectReferenceArgs,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehaviorArgs,
    HorizontalPodAutoscalerSpecArgs,
    HPAScalingPolicyArgs,
    HPAScalingRulesArgs,
    MetricIdentifierArgs,
    MetricSpecArgs,
    MetricTargetArgs,
    PodsMetricSourceArgs,
    ResourceMetricSourceArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from planning.scaling import PENDING_METRIC, SCALE_IN_PERIOD_S, SCALE_OUT_PERIOD_S, Scaling
from planning.server import PlannedLane


def lane_scaler(
    name: str,
    *,
    lane: PlannedLane,
    namespace: Input[str],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> HorizontalPodAutoscaler:
    deployment = lane.lane.deployment
    return HorizontalPodAutoscaler(
        name,
        metadata=ObjectMetaArgs(name=deployment, namespace=namespace, labels=labels),
        spec=HorizontalPodAutoscalerSpecArgs(
            scale_target_ref=CrossVersionObjectReferenceArgs(api_version="apps/v1", kind="Deployment", name=deployment),
            min_replicas=lane.lane.minimum.value,
            max_replicas=lane.lane.maximum.value,
            metrics=[_metric(lane.scaling)],
            behavior=_behaviour(lane.scaling),
        ),
        opts=opts,
    )


def _metric(scaling: Scaling) -> MetricSpecArgs:
    if scaling.target is None:
        # The bounds are equal and hold without any metric; the API insists on one.
        return MetricSpecArgs(
            type="Resource",
            resource=ResourceMetricSourceArgs(
                name="cpu", target=MetricTargetArgs(type="Utilization", average_utilization=100)
            ),
        )
    return MetricSpecArgs(
        type="Pods",
        pods=PodsMetricSourceArgs(
            metric=MetricIdentifierArgs(name=PENDING_METRIC),
            target=MetricTargetArgs(type="AverageValue", average_value=str(scaling.target.value)),
        ),
    )


def _behaviour(scaling: Scaling) -> HorizontalPodAutoscalerBehaviorArgs:
    return HorizontalPodAutoscalerBehaviorArgs(
        scale_up=HPAScalingRulesArgs(
            stabilization_window_seconds=scaling.scale_out_window.value,
            select_policy="Max",
            policies=[
                HPAScalingPolicyArgs(
                    type="Percent", value=scaling.scale_out_percent.value, period_seconds=SCALE_OUT_PERIOD_S
                ),
                HPAScalingPolicyArgs(
                    type="Pods", value=scaling.scale_out_pods.value, period_seconds=SCALE_OUT_PERIOD_S
                ),
            ],
        ),
        scale_down=HPAScalingRulesArgs(
            stabilization_window_seconds=scaling.scale_in_window.value,
            select_policy="Max",
            policies=[
                HPAScalingPolicyArgs(type="Pods", value=scaling.scale_in_pods.value, period_seconds=SCALE_IN_PERIOD_S)
            ],
        ),
    )
