"""The models of an EKS cluster's servers: the bucket, where it is made here, and who reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, Resource, ResourceOptions

from components.clusters.eks.bucket import ModelBucket, ModelBucketArgs
from components.clusters.eks.model_roles import model_role
from planning.clusters.eks_models import ModelsInS3


@dataclass(frozen=True, slots=True, kw_only=True)
class EksModelsArgs:
    """`issuer` and `issuer_arn` are the cluster's own, whose ServiceAccounts the roles trust."""

    models: ModelsInS3
    partition: str
    account: str
    issuer: Output[str]
    issuer_arn: Output[str]
    tags: Mapping[str, str]


class EksModels(pulumi.ComponentResource):
    """`granted` must be there before a pod starts. `key` encrypts the bucket, None where S3's own does."""

    bucket: Output[str]
    key: Output[str] | None

    def __init__(self, name: str, args: EksModelsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:EksModels", name, None, opts)
        child = ResourceOptions(parent=self)
        models = args.models
        bucket: Input[str] = models.bucket
        key: Input[str] | None = models.key
        granted: list[Resource] = []
        if models.made is not None:
            made = ModelBucket(
                f"{name}-bucket",
                ModelBucketArgs(
                    models=models, new=models.made, partition=args.partition, account=args.account, tags=args.tags
                ),
                child,
            )
            bucket, key = made.bucket, made.key
            granted += made.ready
        for role in models.roles:
            granted += model_role(
                f"{name}-{role.account}",
                role,
                models,
                partition=args.partition,
                key=key,
                issuer=args.issuer,
                issuer_arn=args.issuer_arn,
                tags=args.tags,
                opts=child,
            )
        self.granted = tuple(granted)
        self.bucket = Output.from_input(bucket)
        self.key = Output.from_input(key) if key is not None else None
        self.register_outputs({"bucket": self.bucket})
