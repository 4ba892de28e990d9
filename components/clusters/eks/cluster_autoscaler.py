"""What the Cluster Autoscaler needs of AWS: to see every group, and to set the sizes of this cluster's alone.

EKS tags the groups of managed node groups with `k8s.io/cluster-autoscaler/<cluster>: owned` by itself, and the
autoscaler reads labels and taints of an empty group from EKS (kubernetes/autoscaler
cluster-autoscaler/cloudprovider/aws/README.md, "Using Managed Node Groups").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import eks

from components.clusters.eks.identity import pod_role
from components.clusters.eks.policies import Statement, document
from planning.clusters.eks import ClusterAutoscaler, PlannedEks


@dataclass(frozen=True, slots=True, kw_only=True)
class EksClusterAutoscalerArgs:
    planned: PlannedEks
    autoscaler: ClusterAutoscaler
    cluster: Input[str]
    account: str
    tags: Mapping[str, str]


class EksClusterAutoscaler(pulumi.ComponentResource):
    role: Output[str]

    def __init__(self, name: str, args: EksClusterAutoscalerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:EksClusterAutoscaler", name, None, opts)
        child = ResourceOptions(parent=self)
        planned = args.planned
        role = pod_role(
            f"{name}-controller",
            args.autoscaler.identity,
            cluster=planned.name.value,
            account=args.account,
            managed=(),
            policy=document(
                Statement(
                    sid="SeeGroupsAndMachines",
                    actions=[
                        "autoscaling:DescribeAutoScalingGroups",
                        "autoscaling:DescribeAutoScalingInstances",
                        "autoscaling:DescribeLaunchConfigurations",
                        "autoscaling:DescribeScalingActivities",
                        "autoscaling:DescribeTags",
                        "ec2:DescribeImages",
                        "ec2:DescribeInstanceTypes",
                        "ec2:DescribeLaunchTemplateVersions",
                        "ec2:GetInstanceTypesFromInstanceRequirements",
                    ],
                    resources=["*"],
                ),
                Statement(
                    sid="SeeItsNodeGroups",
                    actions=["eks:DescribeNodegroup"],
                    resources=[
                        pulumi.Output.concat(
                            f"arn:{planned.partition}:eks:{planned.region}:",
                            args.account,
                            f":nodegroup/{planned.name.value}/*",
                        )
                    ],
                ),
                Statement(
                    sid="SizeItsOwnGroups",
                    actions=["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
                    resources=["*"],
                    conditions={
                        "StringEquals": {
                            f"aws:ResourceTag/k8s.io/cluster-autoscaler/{planned.name.value}": "owned",
                        }
                    },
                ),
            ),
            tags=args.tags,
            opts=child,
        )
        eks.PodIdentityAssociation(
            f"{name}-controller",
            cluster_name=args.cluster,
            namespace=args.autoscaler.identity.namespace,
            service_account=args.autoscaler.identity.account,
            role_arn=role.arn,
            tags=dict(args.tags),
            opts=child,
        )
        self.role = role.arn
        self.register_outputs({})
