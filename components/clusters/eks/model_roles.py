"""A role for everybody who reaches the models' bucket: its own part of it, and nobody else's
(planning/clusters/eks_models.py).

By IRSA, not Pod Identity: Triton reads s3:// with the C++ SDK that its release was built with, and whether that SDK
knows Pod Identity's token file has not been shown. The trust names one ServiceAccount and the audience of STS
(docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html).

The key that encrypts the bucket may be used through S3 alone, and for this bucket: with a bucket key the encryption
context is the bucket's ARN, without one that of the object (Amazon S3 user guide, "Reducing the cost of SSE-KMS with
Amazon S3 Bucket Keys").
Whoever writes needs both rights: to encrypt, and to decrypt the parts of an upload that are put together
(docs.aws.amazon.com/AmazonS3/latest/userguide/mpuAndPermissions.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pulumi
from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_aws import iam

from components.clusters.eks.policies import VERSION, Statement, document
from planning.clusters.eks_models import ModelRole, ModelsInS3


def model_role(
    name: str,
    role: ModelRole,
    models: ModelsInS3,
    *,
    partition: str,
    key: Input[str] | None,
    issuer: Output[str],
    issuer_arn: Output[str],
    tags: Mapping[str, str],
    opts: ResourceOptions,
) -> tuple[Resource, ...]:
    """`key`: what encrypts the bucket, None where S3's own key does."""
    made = iam.Role(
        name,
        name=role.name,
        description=f"ServiceAccount {role.namespace}/{role.account} reaches its part of the models' bucket",
        assume_role_policy=pulumi.Output.all(issuer=issuer, arn=issuer_arn).apply(
            lambda known: _trust(role, known["issuer"], known["arn"])
        ),
        tags=dict(tags),
        opts=opts,
    )
    policy = iam.RolePolicy(
        name,
        role=made.name,
        policy=document(*_rights(role, models, f"arn:{partition}:s3:::{models.bucket}", key)),
        opts=opts,
    )
    return made, policy


def _rights(role: ModelRole, models: ModelsInS3, bucket: str, key: Input[str] | None) -> Iterator[Statement]:
    reads, writes = role.reads.value, role.writes.value if role.writes else ()
    yield Statement(
        sid="ListItsPart",
        actions=["s3:ListBucket"],
        resources=[bucket],
        conditions={"StringLike": {"s3:prefix": [each for prefix in reads for each in (prefix, f"{prefix}*")]}},
    )
    if role.finds:
        yield Statement(
            sid="FindTheBucket",
            actions=["s3:ListBucket"],
            resources=[bucket],
            conditions={"Null": {"s3:prefix": "true"}},
        )
    yield Statement(sid="ReadItsPart", actions=["s3:GetObject"], resources=[f"{bucket}/{prefix}*" for prefix in reads])
    if writes:
        yield Statement(
            sid="WriteItsPart",
            actions=["s3:PutObject", "s3:AbortMultipartUpload"],
            resources=[f"{bucket}/{prefix}*" for prefix in writes],
        )
    if key is not None:
        yield Statement(
            sid="UseTheKeyInS3",
            actions=["kms:Decrypt", *(["kms:GenerateDataKey"] if writes else [])],
            resources=[key],
            conditions={
                "StringEquals": {"kms:ViaService": f"s3.{models.region}.amazonaws.com"},
                "StringLike": {
                    "kms:EncryptionContext:aws:s3:arn": [bucket, *(f"{bucket}/{prefix}*" for prefix in reads)]
                },
            },
        )


def _trust(role: ModelRole, issuer: str, arn: str) -> str:
    """The keys of its conditions hold the issuer, which only the cluster knows."""
    account = f"system:serviceaccount:{role.namespace}:{role.account}"
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
