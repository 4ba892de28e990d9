"""What only a cluster on Amazon EKS is asked: who may use it, what its system nodes are, which add-ons it has."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from planning.catalogue.eks import SystemMachine
from planning.settings.base import Strict
from planning.settings.pools import NodeBounds
from planning.settings.security import Groups

KeyArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$",
        examples=["arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
    ),
]
AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$", examples=["123456789012"])]
PrincipalArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]+$",
        examples=["arn:aws:iam::123456789012:role/platform"],
    ),
]
"""A role or a user of IAM. EKS takes no groups, and no session of a role
(docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html)."""

LogDays = Literal[30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
"""Days that CloudWatch Logs can keep a log (API PutRetentionPolicy), 30 at the least: an audit looks back further than
a week."""

VolumeDriver = Literal["ebs", "efs", "fsx"]
AddOn = Literal[
    "vpc-cni",
    "kube-proxy",
    "coredns",
    "eks-pod-identity-agent",
    "eks-node-monitoring-agent",
    "aws-ebs-csi-driver",
    "aws-efs-csi-driver",
    "aws-fsx-csi-driver",
]
AddOnVersion = Annotated[
    str, Field(pattern=r"^v[0-9]+\.[0-9]+\.[0-9]+-eksbuild\.[0-9]+$", examples=["v1.20.4-eksbuild.1"])
]
NodeImage = Annotated[str, Field(pattern=r"^(latest|v20[0-9]{6})$", examples=["v20261105", "latest"])]


class ImageByCanary(Strict):
    """The image of the nodes that Karpenter makes for a pool, and with it their driver. A canary node has it first; the
    others follow when a CUDA handshake on that one has succeeded."""

    image: Annotated[str, Field(pattern=r"^v20[0-9]{6}$", examples=["v20261120"])]
    """A release of EKS's AL2023 image (awslabs/amazon-eks-ami), whose notes name NVIDIA's driver."""
    at_once: Annotated[int, Field(ge=1)] = 1
    """How many nodes of the pool Karpenter replaces at the same time, within disruption budgets."""


class EksPool(Strict):
    """What only EKS knows of a pool of `gpu_pools`."""

    driver: ImageByCanary | None = None
    """Left out, Karpenter's nodes are of `node_image`, and follow it without a canary."""


QuotaCode = Annotated[str, Field(pattern=r"^L-[0-9A-F]{8}$", examples=["L-DB2E81BA"])]


class Grant(Strict):
    """An access entry of the cluster: EKS's own way in, without the ConfigMap aws-auth."""

    principal: PrincipalArn
    may: Literal["administer", "view", "groups"]
    """Everything, reading everything but Secrets (AmazonEKSClusterAdminPolicy, AmazonEKSViewPolicy), or what its groups
    may."""
    groups: Groups = []
    """The groups that the principal is in, for `security.people`."""

    @model_validator(mode="after")
    def _has_groups_if_they_decide(self) -> Self:
        if (self.may == "groups") != bool(self.groups):
            raise ValueError("has groups where `may` is groups, and only there")
        return self


class ExistingS3Bucket(Strict):
    """The bucket of `model_repository` is there, and its owner looks after it."""

    kind: Literal["existing"] = "existing"
    key: KeyArn | None = None
    """The KMS key that encrypts it, which roles made here may then use; left out, S3's own does."""


class MadeS3Bucket(Strict):
    """This stack makes the bucket of `model_repository`: versions kept, encrypted by KMS, closed to the public, reached
    by TLS alone, protected as long as `deletion` is refused."""

    kind: Literal["made"]
    keep: Annotated[int, Field(ge=1)] = 30
    """Days for which a replaced or deleted object is kept."""
    key: KeyArn | None = None
    """A KMS key of yours that encrypts it; left out, one is made, with yearly rotation."""


S3ModelBucket = Annotated[ExistingS3Bucket | MadeS3Bucket, Field(discriminator="kind")]


class SystemNodes(Strict):
    """The nodes without GPUs, for cluster DNS, controllers and servers without a GPU."""

    machine: SystemMachine = "m7i.large"
    nodes: NodeBounds = NodeBounds(min=3, max=6)


def grants_of_distinct_principals(grants: list[Grant]) -> list[Grant]:
    principals = [grant.principal for grant in grants]
    if len(set(principals)) < len(principals):
        raise ValueError("names a principal twice")
    return grants


_PRIVATE = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


def service_network(cidr: str) -> str:
    """EKS's own rules (API KubernetesNetworkConfigRequest, serviceIpv4Cidr)."""
    network = ipaddress.ip_network(cidr)
    if not isinstance(network, ipaddress.IPv4Network) or not any(network.subnet_of(range) for range in _PRIVATE):
        raise ValueError("is not within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
    if not 12 <= network.prefixlen <= 24:
        raise ValueError("is not between /12 and /24")
    return cidr
