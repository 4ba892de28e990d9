"""What Karpenter needs of AWS: a role, a queue of notices, and what its nodes are.

The role's policy is scoped as Karpenter's own reference is (aws/karpenter-provider-aws v1.14, website
getting-started/cloudformation.yaml): it makes what it tags as this cluster's, and changes and ends only that. One thing
is narrower: nodes get an instance profile that is made here, so that Karpenter need not make, fill or delete profiles.

The queue hears of spot reclaims, rebalance recommendations, changes of an instance's state and AWS Health's events. It
keeps a notice for five minutes, which is longer than any of them is worth, encrypts what it holds, and takes messages
from EventBridge's rules of this cluster alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, ec2, eks, iam, sqs

from components.clusters.eks.identity import pod_role
from components.clusters.eks.node_groups import node_role
from components.clusters.eks.policies import Statement, document
from components.clusters.eks.tags import named
from planning.clusters.eks import Karpenter, PlannedEks

NOTICES: Mapping[str, tuple[str, str]] = {
    "spot-reclaimed": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state-changed": ("aws.ec2", "EC2 Instance State-change Notification"),
    "health": ("aws.health", "AWS Health Event"),
}
"""Source and detail-type of each event that Karpenter acts on (karpenter.sh/docs/concepts/disruption,
"Interruption")."""

NOTICE_KEPT_S = 300

MADE = ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")
"""Kinds of resource that Karpenter makes, each with its tags."""

USED = ("security-group", "subnet", "capacity-reservation", "placement-group")
"""Kinds of resource that it makes instances in."""

DESCRIBED = (
    "CapacityReservations",
    "Images",
    "Instances",
    "InstanceStatus",
    "InstanceTypeOfferings",
    "InstanceTypes",
    "LaunchTemplates",
    "PlacementGroups",
    "SecurityGroups",
    "SpotPriceHistory",
    "Subnets",
)

RENAMED = ("eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name")
"""Tags that it sets on an instance that runs."""

NODEPOOL_TAG = "karpenter.sh/nodepool"


@dataclass(frozen=True, slots=True, kw_only=True)
class EksKarpenterArgs:
    planned: PlannedEks
    karpenter: Karpenter
    cluster: Input[str]
    group: Input[str]
    """The security group of the cluster's nodes."""
    account: str
    tags: Mapping[str, str]


class EksKarpenter(pulumi.ComponentResource):
    """`queue` is the name that Karpenter's setting `interruptionQueue` takes."""

    role: Output[str]
    queue: Output[str]

    def __init__(self, name: str, args: EksKarpenterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:EksKarpenter", name, None, opts)
        child = ResourceOptions(parent=self)
        queue = _queue(name, args, child)
        nodes, _ = node_role(f"{name}-node", args.planned, tags=args.tags, opts=child)
        profile = iam.InstanceProfile(
            f"{name}-node",
            name=args.karpenter.instance_profile,
            role=nodes.name,
            tags=dict(args.tags),
            opts=child,
        )
        eks.AccessEntry(
            f"{name}-node",
            cluster_name=args.cluster,
            principal_arn=nodes.arn,
            type="EC2_LINUX",
            tags=dict(args.tags),
            opts=child,
        )
        key, value = args.karpenter.discovery
        ec2.Tag(f"{name}-group", resource_id=args.group, key=key, value=value, opts=child)
        controller = pod_role(
            f"{name}-controller",
            args.karpenter.identity,
            cluster=args.planned.name.value,
            account=args.account,
            managed=(),
            policy=controller_policy(args, queue=queue.arn, node_role=nodes.arn, profile=profile.arn),
            tags=args.tags,
            opts=child,
        )
        eks.PodIdentityAssociation(
            f"{name}-controller",
            cluster_name=args.cluster,
            namespace=args.karpenter.identity.namespace,
            service_account=args.karpenter.identity.account,
            role_arn=controller.arn,
            tags=dict(args.tags),
            opts=child,
        )
        self.role = controller.arn
        self.queue = queue.name
        self.register_outputs({"queue": queue.name})


def _queue(name: str, args: EksKarpenterArgs, opts: ResourceOptions) -> sqs.Queue:
    queue = sqs.Queue(
        f"{name}-notices",
        name=args.karpenter.queue,
        message_retention_seconds=NOTICE_KEPT_S,
        sqs_managed_sse_enabled=True,
        tags=named(args.tags, args.karpenter.queue),
        opts=opts,
    )
    rules = {
        kind: cloudwatch.EventRule(
            f"{name}-{kind}",
            description=f"For Karpenter of {args.planned.name.value}: {detail}",
            event_pattern=json.dumps({"source": [source], "detail-type": [detail]}),
            tags=dict(args.tags),
            opts=opts,
        )
        for kind, (source, detail) in NOTICES.items()
    }
    sqs.QueuePolicy(
        f"{name}-notices",
        queue_url=queue.url,
        policy=document(
            Statement(
                sid="NoticesFromTheseRules",
                actions=["sqs:SendMessage"],
                resources=[queue.arn],
                principals={"Service": "events.amazonaws.com"},
                conditions={"ArnEquals": {"aws:SourceArn": [rule.arn for rule in rules.values()]}},
            ),
            Statement(
                sid="EncryptedOnItsWay",
                effect="Deny",
                actions=["sqs:*"],
                resources=[queue.arn],
                principals={"*": "*"},
                conditions={"Bool": {"aws:SecureTransport": "false"}},
            ),
        ),
        opts=opts,
    )
    for kind, rule in rules.items():
        cloudwatch.EventTarget(f"{name}-{kind}", rule=rule.name, arn=queue.arn, opts=opts)
    return queue


def controller_policy(
    args: EksKarpenterArgs, *, queue: Input[str], node_role: Input[str], profile: Input[str]
) -> Output[str]:
    planned, cluster = args.planned, args.planned.name.value
    owned = f"kubernetes.io/cluster/{cluster}"
    ec2_arn = f"arn:{planned.partition}:ec2:{planned.region}"
    made = [f"{ec2_arn}:*:{kind}/*" for kind in MADE]
    tagged_so = {
        "StringEquals": {f"aws:RequestTag/{owned}": "owned", "aws:RequestTag/eks:eks-cluster-name": cluster},
        "StringLike": {f"aws:RequestTag/{NODEPOOL_TAG}": "*"},
    }
    its_own = {
        "StringEquals": {f"aws:ResourceTag/{owned}": "owned"},
        "StringLike": {f"aws:ResourceTag/{NODEPOOL_TAG}": "*"},
    }
    return document(
        Statement(
            sid="MakeInstancesIn",
            actions=["ec2:RunInstances", "ec2:CreateFleet"],
            resources=[
                *(f"{ec2_arn}::{kind}/*" for kind in ("image", "snapshot")),
                *(f"{ec2_arn}:*:{kind}/*" for kind in USED),
            ],
        ),
        Statement(
            sid="MakeInstancesFromItsOwnTemplates",
            actions=["ec2:RunInstances", "ec2:CreateFleet"],
            resources=[f"{ec2_arn}:*:launch-template/*"],
            conditions=its_own,
        ),
        Statement(
            sid="MakeWhatItTags",
            actions=["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
            resources=made,
            conditions=tagged_so,
        ),
        Statement(
            sid="TagWhatItMakes",
            actions=["ec2:CreateTags"],
            resources=made,
            conditions={
                **tagged_so,
                "StringEquals": {
                    **tagged_so["StringEquals"],
                    "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
                },
            },
        ),
        Statement(
            sid="NameItsInstances",
            actions=["ec2:CreateTags"],
            resources=[f"{ec2_arn}:*:instance/*"],
            conditions={
                **its_own,
                "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": cluster},
                "ForAllValues:StringEquals": {"aws:TagKeys": [*RENAMED]},
            },
        ),
        Statement(
            sid="EndItsOwn",
            actions=["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
            resources=[f"{ec2_arn}:*:instance/*", f"{ec2_arn}:*:launch-template/*"],
            conditions=its_own,
        ),
        Statement(
            sid="LookAroundInItsRegion",
            actions=[f"ec2:Describe{what}" for what in DESCRIBED],
            resources=["*"],
            conditions={"StringEquals": {"aws:RequestedRegion": planned.region}},
        ),
        Statement(
            sid="FindImages",
            actions=["ssm:GetParameter"],
            resources=[f"arn:{planned.partition}:ssm:{planned.region}::parameter/aws/service/*"],
        ),
        Statement(sid="KnowPrices", actions=["pricing:GetProducts"], resources=["*"]),
        Statement(
            sid="GiveNodesTheirRole",
            actions=["iam:PassRole"],
            resources=[node_role],
            conditions={"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}},
        ),
        Statement(sid="SeeTheProfile", actions=["iam:GetInstanceProfile"], resources=[profile]),
        Statement(sid="ListProfiles", actions=["iam:ListInstanceProfiles"], resources=["*"]),
        Statement(
            sid="FindTheCluster",
            actions=["eks:DescribeCluster"],
            resources=[
                pulumi.Output.concat(
                    f"arn:{planned.partition}:eks:{planned.region}:", args.account, f":cluster/{cluster}"
                )
            ],
        ),
        Statement(
            sid="ReadNotices",
            actions=["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
            resources=[queue],
        ),
    )
