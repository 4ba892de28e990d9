"""The models' bucket, where it is made here, and its KMS key.

Each setting of a bucket is a resource of its own. Those that say who may reach it are put one after the other: two at
once make S3 answer "A conflicting conditional operation is currently in progress"
(terraform-aws-modules/terraform-aws-s3-bucket, main.tf, says so of the policy, the access block and the ownership).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_aws import kms, s3

from components.clusters.eks.keys import DAYS_UNTIL_GONE, account_decides
from components.clusters.eks.policies import Statement, document
from components.clusters.eks.tags import named
from planning.clusters.eks_models import ModelsInS3, NewBucket

DAYS_FOR_AN_UPLOAD = 7
"""After so long what is left of an upload that ended in the middle is removed. A choice of ours: a push takes hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBucketArgs:
    """`models` has `new`, which is made."""

    models: ModelsInS3
    new: NewBucket
    partition: str
    account: str
    tags: Mapping[str, str]


class ModelBucket(pulumi.ComponentResource):
    """`ready` are the settings without which nothing should be put into it."""

    bucket: Output[str]
    key: Output[str]

    def __init__(self, name: str, args: ModelBucketArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:EksModelBucket", name, None, opts)
        child = ResourceOptions(parent=self)
        kept = ResourceOptions.merge(child, ResourceOptions(protect=args.new.protected.value))
        models = args.models
        key: Input[str]
        before: list[Resource] = []
        if models.key is not None:
            key = models.key
        else:
            made = kms.Key(
                f"{name}-key",
                description=f"Models in the bucket {models.bucket}",
                enable_key_rotation=True,
                deletion_window_in_days=DAYS_UNTIL_GONE,
                policy=document(account_decides(args.partition, args.account)),
                tags=named(args.tags, models.bucket),
                opts=kept,
            )
            key, before = made.arn, [made]
        bucket = s3.Bucket(
            name,
            bucket=models.bucket,
            force_destroy=False,
            tags=named(args.tags, models.bucket),
            # Deleting goes the other way round: S3 deletes no bucket with objects, and then the key of theirs stays.
            opts=ResourceOptions.merge(kept, ResourceOptions(depends_on=before)),
        )
        encrypted = s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="aws:kms", kms_master_key_id=key
                    ),
                    bucket_key_enabled=True,
                    # With a key of the client's own nobody else could read.
                    blocked_encryption_types=["SSE-C"],
                )
            ],
            opts=child,
        )
        versioned = s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
        )
        s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[
                s3.BucketLifecycleConfigurationRuleArgs(
                    id="old-versions",
                    status="Enabled",
                    filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=args.new.keep_days
                    ),
                    expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(expired_object_delete_marker=True),
                ),
                s3.BucketLifecycleConfigurationRuleArgs(
                    id="ended-uploads",
                    status="Enabled",
                    filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                        days_after_initiation=DAYS_FOR_AN_UPLOAD
                    ),
                ),
            ],
            opts=ResourceOptions.merge(child, ResourceOptions(depends_on=[versioned])),
        )
        closed = s3.BucketPublicAccessBlock(
            f"{name}-closed",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        arn = f"arn:{args.partition}:s3:::{models.bucket}"
        policy = s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=document(
                Statement(
                    sid="ByTlsAlone",
                    effect="Deny",
                    actions=["s3:*"],
                    resources=[arn, f"{arn}/*"],
                    principals={"*": "*"},
                    conditions={"Bool": {"aws:SecureTransport": "false"}},
                )
            ),
            opts=ResourceOptions.merge(child, ResourceOptions(depends_on=[closed])),
        )
        owned = s3.BucketOwnershipControls(
            f"{name}-owned",
            bucket=bucket.bucket,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=ResourceOptions.merge(child, ResourceOptions(depends_on=[policy])),
        )
        self.ready: tuple[Resource, ...] = (encrypted, versioned, owned)
        self.bucket = bucket.bucket
        self.key = Output.from_input(key)
        self.register_outputs({"bucket": self.bucket, "key": self.key})
