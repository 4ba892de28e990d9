"""The ComputeClass that planning/clusters/compute_class.py decides.

Google publishes its definition on clusters alone. Fields are those of the reference, read in November 2026
(cloud.google.com/kubernetes-engine/docs/reference/crds/computeclass). Nothing in it is an Output: the pools are named,
so that the stack that reaches the control plane can make it, whichever stack made the pools, and it can be rendered.
"""

from __future__ import annotations

from collections.abc import Mapping

from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.labels import common
from planning.clusters.compute_class import PlannedComputeClass

API_VERSION, KIND = "cloud.google.com/v1", "ComputeClass"


def compute_class(
    name: str, planned: PlannedComputeClass, *, labels: Mapping[str, str], opts: ResourceOptions
) -> CustomResource:
    return CustomResource(
        name,
        api_version=API_VERSION,
        kind=KIND,
        metadata=ObjectMetaArgs(name=planned.name, labels=common(labels)),
        spec={
            "priorities": [{"nodepools": list(pools)} for pools in planned.rules.value],
            "activeMigration": {"optimizeRulePriority": True},
            "nodePoolAutoCreation": {"enabled": False},
            # What to do by default has changed with GKE 1.33: a pod of ours is on no other node than a planned one.
            "whenUnsatisfiable": "DoNotScaleUp",
        },
        opts=opts,
    )
