"""A role for each server that reads its own models in a bucket, and nobody else's.

By IRSA, not Pod Identity: Triton reads s3:// with the C++ SDK that its release was built with, and whether that SDK
knows Pod Identity's token file has not been shown. The trust names one ServiceAccount and the audience of STS
(docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import iam

from components.clusters.eks.policies import VERSION, Statement, document
from planning.clusters.eks import PlannedEks, Reader


def bucket_readers(
    name: str,
    planned: PlannedEks,
    *,
    issuer: Output[str],
    issuer_arn: Output[str],
    tags: Mapping[str, str],
    opts: ResourceOptions,
) -> dict[str, Output[str]]:
    """The ARN of each server's role, which its ServiceAccount is annotated with."""
    return {
        reader.server: _role(f"{name}-{reader.server}", reader, planned, issuer, issuer_arn, tags, opts)
        for reader in planned.readers
    }


def _role(
    name: str,
    reader: Reader,
    planned: PlannedEks,
    issuer: Output[str],
    issuer_arn: Output[str],
    tags: Mapping[str, str],
    opts: ResourceOptions,
) -> Output[str]:
    role = iam.Role(
        name,
        description=f"Server {reader.namespace}/{reader.server} reads its models",
        assume_role_policy=pulumi.Output.all(issuer=issuer, arn=issuer_arn).apply(
            lambda known: _trust(reader, known["issuer"], known["arn"])
        ),
        tags=dict(tags),
        opts=opts,
    )
    bucket = f"arn:{planned.partition}:s3:::{reader.bucket}"
    iam.RolePolicy(
        name,
        role=role.name,
        policy=document(
            Statement(
                sid="ListItsModels",
                actions=["s3:ListBucket"],
                resources=[bucket],
                conditions={"StringLike": {"s3:prefix": [reader.prefix, f"{reader.prefix}*"]}},
            ),
            Statement(sid="ReadItsModels", actions=["s3:GetObject"], resources=[f"{bucket}/{reader.prefix}*"]),
        ),
        opts=opts,
    )
    return role.arn


def _trust(reader: Reader, issuer: str, arn: str) -> str:
    """The keys of its conditions hold the issuer, which only the cluster knows."""
    account = f"system:serviceaccount:{reader.namespace}:{reader.account}"
    return json.dumps(
        {
            "Version": VERSION,
            "Statement": [
                {
                    "Sid": "OneServiceAccount",
                    "Effect": "Allow",
                    "Action": ["sts:AssumeRoleWithWebIdentity"],
                    "Principal": {"Federated": arn},
                    "Condition": {"StringEquals": {f"{issuer}:sub": account, f"{issuer}:aud": "sts.amazonaws.com"}},
                }
            ],
        },
        sort_keys=True,
    )
