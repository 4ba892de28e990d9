"""Who reaches the models' bucket, and the bucket itself where it is made here (planning/clusters/gke_models.py says why
a folder and two roles). The bucket is protected: `pulumi destroy` leaves it with every model in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_gcp.serviceaccount import IAMMember
from pulumi_gcp.storage import (
    Bucket,
    BucketIAMMember,
    BucketLifecycleRuleActionArgs,
    BucketLifecycleRuleArgs,
    BucketLifecycleRuleConditionArgs,
    BucketSoftDeletePolicyArgs,
    BucketVersioningArgs,
    ManagedFolder,
    ManagedFolderIamMember,
)

from planning.clusters.gke_models import BUCKET_ROLE, IMPERSONATION_ROLE, READS, ModelsAccess, NewBucket

DAY_S = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReadersArgs:
    """`workload_pool` is known when the cluster is there: the first cluster of a project makes it."""

    access: ModelsAccess
    project: str
    project_number: Output[str]
    workload_pool: Output[str]
    region: str
    labels: Mapping[str, str]


class ModelReaders(pulumi.ComponentResource):
    """`granted` are the grants, which must be there before a pod starts."""

    bucket: Output[str]

    def __init__(self, name: str, args: ModelReadersArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:GkeModelReaders", name, None, opts)
        access, child = args.access, ResourceOptions(parent=self)
        bucket: Input[str] = access.bucket
        if access.made is not None:
            bucket = _bucket(f"{name}-bucket", access.bucket, access.made, args, self).name
        granted: list[Resource] = []
        for user in access.users:
            whose = f"{name}-{user.account}"
            account = f"{user.namespace}/{user.account}"
            if user.google_account is not None:
                email = user.google_account.value
                granted.append(
                    IAMMember(
                        f"{whose}-acts-as",
                        service_account_id=f"projects/{_project_of(email, args.project)}/serviceAccounts/{email}",
                        role=IMPERSONATION_ROLE,
                        member=Output.concat("serviceAccount:", args.workload_pool, f"[{account}]"),
                        opts=child,
                    )
                )
                continue
            member = Output.concat(
                "principal://iam.googleapis.com/projects/",
                args.project_number,
                "/locations/global/workloadIdentityPools/",
                args.workload_pool,
                f"/subject/ns/{user.namespace}/sa/{user.account}",
            )
            for used in user.folders:
                # Objects stay when the folder goes: it is only where rights hang.
                folder = ManagedFolder(
                    f"{name}-{used.name}-folder",
                    bucket=bucket,
                    name=used.path.value,
                    force_destroy=True,
                    opts=child,
                )
                granted += [
                    ManagedFolderIamMember(
                        f"{name}-{used.name}-{'reads' if role == READS else 'adds'}",
                        bucket=folder.bucket,
                        managed_folder=folder.name,
                        role=role,
                        member=member,
                        opts=child,
                    )
                    for role in used.roles
                ]
            if user.asks:
                granted.append(
                    BucketIAMMember(
                        f"{whose}-sees-bucket",
                        bucket=bucket,
                        role=BUCKET_ROLE,
                        member=member,
                        opts=child,
                    )
                )
        self.granted = tuple(granted)
        self.bucket = Output.from_input(bucket)
        self.register_outputs({"bucket": self.bucket})


def _bucket(name: str, bucket: str, new: NewBucket, args: ModelReadersArgs, parent: Resource) -> Bucket:
    return Bucket(
        name,
        name=bucket,
        location=args.region,
        storage_class="STANDARD",
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        versioning=BucketVersioningArgs(enabled=True),
        soft_delete_policy=BucketSoftDeletePolicyArgs(retention_duration_seconds=7 * DAY_S),
        lifecycle_rules=[
            BucketLifecycleRuleArgs(
                action=BucketLifecycleRuleActionArgs(type="Delete"),
                condition=BucketLifecycleRuleConditionArgs(
                    days_since_noncurrent_time=new.keep_days, with_state="ARCHIVED"
                ),
            ),
            BucketLifecycleRuleArgs(
                action=BucketLifecycleRuleActionArgs(type="AbortIncompleteMultipartUpload"),
                condition=BucketLifecycleRuleConditionArgs(age=7),
            ),
        ],
        labels=args.labels,
        force_destroy=False,
        opts=ResourceOptions(parent=parent, protect=True),
    )


def _project_of(email: str, own: str) -> str:
    """In which project the account is: its address says so, unless Google made it."""
    _, _, domain = email.partition("@")
    project, dot, rest = domain.partition(".")
    return project if dot and rest == "iam.gserviceaccount.com" else own
