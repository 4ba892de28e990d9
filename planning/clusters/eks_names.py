"""What an EKS cluster is called, and what of it others name: ARNs that are known before anything is made."""

from __future__ import annotations

import hashlib

from planning.derived import Derived
from planning.settings.cluster import Eks
from planning.settings.root import Settings

LONGEST_ROLE_NAME = 64
"""Characters (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""

DIGEST = 8


def cluster_name(settings: Settings, cluster: Eks) -> Derived[str]:
    if cluster.name:
        return Derived(cluster.name, "cluster.name says so")
    return Derived(settings.namespace, "it is named like the namespace, because cluster.name does not say otherwise")


def partition_of(region: str) -> str:
    """AWS's partition of a region, the second part of every ARN (docs.aws.amazon.com/whitepapers, "AWS Fault Isolation
    Boundaries", Partitions)."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def role_name(cluster: str, region: str, what: str) -> str:
    """A role's name is one of its own in the account, and a cluster's in the account and region. What is too long ends
    in the digest of the whole."""
    whole = f"{cluster}-{region}-{what}"
    if len(whole) <= LONGEST_ROLE_NAME:
        return whole
    return f"{whole[: LONGEST_ROLE_NAME - DIGEST - 1]}-{hashlib.sha256(whole.encode()).hexdigest()[:DIGEST]}"


def role_arn(cluster: Eks, name: str) -> str:
    return f"arn:{partition_of(cluster.region)}:iam::{cluster.account}:role/{name}"
