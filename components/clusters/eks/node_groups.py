"""Managed node groups: EKS makes the nodes, drains and replaces them, and repairs those whose GPU has failed.

Each has a launch template of its own: an encrypted root disk, instance metadata by session tokens alone and out of the
reach of pods (hop limit 1), and as many pods as the plan has addresses for. The nodes' role may join the cluster and
pull images, nothing else: what pods may do is theirs by Pod Identity or IRSA.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, Resource, ResourceOptions
from pulumi_aws import ec2, eks, iam

from components.clusters.eks.policies import trusting
from components.clusters.eks.tags import named
from planning.clusters.eks import PlannedEks
from planning.clusters.eks_machines import ROOT_DEVICE, ROOT_IOPS, ROOT_THROUGHPUT
from planning.clusters.eks_node_groups import PlannedNodeGroup

NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""AWS's own (docs.aws.amazon.com/eks/latest/userguide/create-node-role.html). The CNI's is not here: it has a role of
its own by Pod Identity. Session Manager's is not either: nobody logs in to nodes."""

EFFECTS = {"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE"}
"""Kubernetes' words for a taint's effect, and the EKS API's."""


def node_role(
    name: str, planned: PlannedEks, *, tags: Mapping[str, str], opts: ResourceOptions
) -> tuple[iam.Role, list[Resource]]:
    """A role for nodes, and what must be there before a node takes it."""
    role = iam.Role(
        name,
        description=f"Nodes of the EKS cluster {planned.name.value}",
        assume_role_policy=trusting("ec2.amazonaws.com"),
        tags=dict(tags),
        opts=opts,
    )
    attached: list[Resource] = [
        iam.RolePolicyAttachment(
            f"{name}-{policy}",
            role=role.name,
            policy_arn=f"arn:{planned.partition}:iam::aws:policy/{policy}",
            opts=opts,
        )
        for policy in NODE_POLICIES
    ]
    return role, attached


@dataclass(frozen=True, slots=True, kw_only=True)
class EksNodeGroupsArgs:
    """`after`: what nodes need before they can join."""

    planned: PlannedEks
    cluster: Input[str]
    private: Sequence[Input[str]]
    after: Sequence[Resource]
    tags: Mapping[str, str]


class EksNodeGroups(pulumi.ComponentResource):
    """`system` carries the cluster's own pods; `groups` are all, it included."""

    system: eks.NodeGroup
    groups: Sequence[eks.NodeGroup]

    def __init__(self, name: str, args: EksNodeGroupsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:EksNodeGroups", name, None, opts)
        child = ResourceOptions(parent=self)
        role, attached = node_role(f"{name}-role", args.planned, tags=args.tags, opts=child)
        ready = [*args.after, *attached]
        self.system = _node_group(name, args.planned.system, role, args, ready, child)
        self.groups = [
            self.system,
            *(_node_group(name, group, role, args, ready, child) for group in args.planned.groups),
        ]
        self.register_outputs({})


def _node_group(
    name: str,
    planned: PlannedNodeGroup,
    role: iam.Role,
    args: EksNodeGroupsArgs,
    ready: Sequence[Resource],
    opts: ResourceOptions,
) -> eks.NodeGroup:
    template = _launch_template(name, planned, args, opts)
    # What the Cluster Autoscaler has set is not set back.
    moved = ["scalingConfig.desiredSize"] if planned.autoscaled else []
    return eks.NodeGroup(
        f"{name}-{planned.name}",
        cluster_name=args.cluster,
        node_role_arn=role.arn,
        subnet_ids=list(args.private),
        ami_type=planned.image.value,
        capacity_type={"on-demand": "ON_DEMAND", "spot": "SPOT"}[planned.capacity],
        instance_types=list(planned.machines.value),
        version=args.planned.kubernetes,
        launch_template=eks.NodeGroupLaunchTemplateArgs(id=template.id, version=template.latest_version.apply(str)),
        scaling_config=eks.NodeGroupScalingConfigArgs(
            min_size=planned.minimum.value, desired_size=planned.at_first.value, max_size=planned.maximum.value
        ),
        update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable=planned.updated_at_once.value),
        node_repair_config=eks.NodeGroupNodeRepairConfigArgs(enabled=True),
        labels=dict(planned.labels),
        taints=[
            eks.NodeGroupTaintArgs(key=taint.key, value=taint.value, effect=EFFECTS[taint.effect])
            for taint in planned.taints
        ],
        tags=named(args.tags, planned.name),
        opts=ResourceOptions.merge(opts, ResourceOptions(depends_on=list(ready), ignore_changes=moved)),
    )


def _launch_template(
    name: str, planned: PlannedNodeGroup, args: EksNodeGroupsArgs, opts: ResourceOptions
) -> ec2.LaunchTemplate:
    tags = named(args.tags, f"{args.planned.name.value}-{planned.name}")
    return ec2.LaunchTemplate(
        f"{name}-{planned.name}",
        description=f"Nodes of pool {planned.name}",
        update_default_version=True,
        user_data=base64.b64encode(user_data(planned.max_pods.value).encode()).decode(),
        metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        block_device_mappings=[
            ec2.LaunchTemplateBlockDeviceMappingArgs(
                device_name=ROOT_DEVICE,
                ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                    volume_type="gp3",
                    volume_size=planned.root_gib.value,
                    iops=ROOT_IOPS,
                    throughput=ROOT_THROUGHPUT,
                    encrypted="true",
                    delete_on_termination="true",
                ),
            )
        ],
        tag_specifications=[
            ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=tags)
            for kind in ("instance", "volume", "network-interface")
        ],
        tags=tags,
        opts=opts,
    )


def user_data(max_pods: int) -> str:
    """What EKS merges into its own for nodes of AL2023: a NodeConfig in a part of a MIME message
    (awslabs/amazon-eks-ami nodeadm/doc/api.md, docs.aws.amazon.com/eks/latest/userguide/launch-templates.html)."""
    return f"""\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="tritonup"

--tritonup
Content-Type: application/node.eks.aws

apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  kubelet:
    config:
      maxPods: {max_pods}

--tritonup--
"""
