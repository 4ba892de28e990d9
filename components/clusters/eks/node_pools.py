"""Karpenter's own objects: what its nodes are made of (EC2NodeClass) and which it may buy for whom (NodePool).

Nothing in them is an Output: subnets and security group are found by a tag, the profile by its name. So the stack that
reaches the control plane makes them, whether it made the cluster or another stack did, and they can be rendered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import CustomTimeouts, Resource, ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.clusters.eks.tags import common as aws_tags
from components.clusters.eks.tags import named
from components.labels import common
from planning.clusters.eks import Karpenter
from planning.clusters.eks_machines import ROOT_DEVICE, ROOT_IOPS, ROOT_THROUGHPUT
from planning.clusters.eks_node_pools import PlannedNodeClass, PlannedNodePool

AWS_GROUP, AWS_VERSION = "karpenter.k8s.aws", "v1"
GROUP, VERSION = "karpenter.sh", "v1"

ENDED_WITHIN_S = 600
"""From a drained node to its instance's end, and that of its NodeClaim, which its NodePool waits for: the engine
deletes in the foreground and waits (pulumi-kubernetes 9497796 provider/pkg/await/await.go, Deletion), and a NodeClaim
blocks its owner's end (sigs.k8s.io/karpenter v1.14.1 pkg/controllers/provisioning/scheduling/nodeclaimtemplate.go). An
allowance, beside the time that a drain may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KarpenterNodesArgs:
    """`cluster` is its name; `after` is what runs Karpenter, where this stack installs it; `labels` are the user's.
    `handshakes`, by pool, must succeed before the pool's driver changes."""

    karpenter: Karpenter
    cluster: str
    handshakes: Mapping[str, Resource]
    after: Sequence[Resource] = ()
    labels: Mapping[str, str]


class KarpenterNodes(pulumi.ComponentResource):
    """Every NodePool, and the NodeClass that it refers to, in the cluster of the Kubernetes provider in `opts`. Whoever
    makes it has seen to it that Karpenter and its definitions are there."""

    pools: list[Resource]

    def __init__(self, name: str, args: KarpenterNodesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:KarpenterNodes", name, None, opts)
        child = ResourceOptions(parent=self, depends_on=list(args.after))
        classes = {
            planned.name: node_class(f"{name}-{planned.name}", planned, args, _after(planned, args, child))
            for planned in args.karpenter.classes
        }
        self.pools = [
            node_pool(
                f"{name}-{planned.name}",
                planned,
                labels=args.labels,
                opts=ResourceOptions.merge(
                    child,
                    ResourceOptions(
                        depends_on=[classes[planned.node_class]],
                        custom_timeouts=CustomTimeouts(delete=f"{planned.grace_s.value + ENDED_WITHIN_S}s"),
                    ),
                ),
            )
            for planned in args.karpenter.pools
        ]
        self.register_outputs({})


def _after(planned: PlannedNodeClass, args: KarpenterNodesArgs, opts: ResourceOptions) -> ResourceOptions:
    handshake = args.handshakes.get(planned.after) if planned.after is not None else None
    return opts if handshake is None else ResourceOptions.merge(opts, ResourceOptions(depends_on=[handshake]))


def node_class(name: str, planned: PlannedNodeClass, args: KarpenterNodesArgs, opts: ResourceOptions) -> CustomResource:
    """Encrypted root disk, metadata by session tokens alone and out of the reach of pods (karpenter.sh/docs/concepts/
    nodeclasses)."""
    key, value = args.karpenter.discovery
    return CustomResource(
        name,
        api_version=f"{AWS_GROUP}/{AWS_VERSION}",
        kind="EC2NodeClass",
        metadata=ObjectMetaArgs(name=planned.name, labels=common(args.labels)),
        spec={
            "amiSelectorTerms": [{"alias": planned.image.value}],
            "instanceProfile": args.karpenter.instance_profile,
            "subnetSelectorTerms": [{"tags": {key: value}}],
            "securityGroupSelectorTerms": [{"tags": {key: value}}],
            "associatePublicIPAddress": False,
            "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
            "blockDeviceMappings": [
                {
                    "deviceName": ROOT_DEVICE,
                    "rootVolume": True,
                    "ebs": {
                        "volumeType": "gp3",
                        "volumeSize": f"{planned.root_gib.value}Gi",
                        "iops": ROOT_IOPS,
                        "throughput": ROOT_THROUGHPUT,
                        "encrypted": True,
                        "deleteOnTermination": True,
                    },
                }
            ],
            "kubelet": {"maxPods": planned.max_pods.value},
            "tags": named(aws_tags(args.labels, args.cluster), f"{args.cluster}-{planned.name}"),
        },
        opts=opts,
    )


def node_pool(
    name: str, planned: PlannedNodePool, *, labels: Mapping[str, str], opts: ResourceOptions
) -> CustomResource:
    """karpenter.sh/docs/concepts/nodepools."""
    return CustomResource(
        name,
        api_version=f"{GROUP}/{VERSION}",
        kind="NodePool",
        metadata=ObjectMetaArgs(name=planned.name, labels=common(labels)),
        spec={
            "weight": planned.weight.value,
            "limits": {"nvidia.com/gpu": str(planned.gpus.value)},
            "disruption": {
                "consolidationPolicy": planned.consolidation.value,
                "consolidateAfter": planned.consolidate_after,
                "budgets": [
                    {"nodes": budget.nodes, "reasons": list(budget.reasons)} for budget in planned.budgets.value
                ],
            },
            "template": {
                "metadata": {"labels": dict(planned.labels)},
                "spec": {
                    "nodeClassRef": {"group": AWS_GROUP, "kind": "EC2NodeClass", "name": planned.node_class},
                    "expireAfter": f"{planned.expire_hours.value}h",
                    "terminationGracePeriod": f"{planned.grace_s.value}s",
                    "requirements": [
                        _one_of("karpenter.sh/capacity-type", planned.capacity),
                        _one_of("kubernetes.io/arch", "amd64"),
                        _one_of("kubernetes.io/os", "linux"),
                        _one_of("node.kubernetes.io/instance-type", *planned.machines.value),
                        _one_of("topology.kubernetes.io/zone", *planned.zones),
                    ],
                    "taints": [
                        {"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in planned.taints
                    ],
                },
            },
        },
        opts=opts,
    )


def _one_of(label: str, *values: str) -> dict[str, object]:
    return {"key": label, "operator": "In", "values": list(values)}
