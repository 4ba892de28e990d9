"""The volume of models: its claim, the Jobs that fill it, and whom those are to the bucket (planning/filling.py).

The Job's pod is the only one that writes to the volume and the only one that reaches the bucket. A Job runs one pod at
a time: another one starts when the first has ended, so that no two write. A pod that was ended is gone on from, by its
successor or by the next Job of the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import CustomTimeouts, Input, Output, Resource, ResourceOptions
from pulumi_kubernetes.batch.v1 import Job, JobSpecArgs
from pulumi_kubernetes.core.v1 import (
    PersistentVolumeClaim,
    PersistentVolumeClaimSpecArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ServiceAccount,
    VolumeArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.storage.v1 import StorageClass

from components.amounts import exactly
from components.job_pods import disruptions_uncounted, job_pod
from components.labels import INSTANCE, NAME, of_fillers
from components.models.fetching import LOGS, pull_container, signing_volume
from components.security.network import network_policy
from planning.filling import ACCOUNT, FILLER_CPU, FILLER_MEMORY, FillJob, PlannedFiller
from planning.model_versions import MODELS_DIGEST
from planning.volumes import MadeClass, PlannedClaim

VOLUME = "models"

RETRIES = 4
"""Attempts after the first, with 10 s, 20 s and so on between them. What is refused stays refused and what a store does
not answer may come. A rule of the Job's that ends it at once would be no failure to Pulumi, which would wait for its
time-out (pulumi-kubernetes 4, provider/pkg/await/checker/job/check.go, `collectJobConditionErrors`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFillerArgs:
    filler: PlannedFiller
    namespace: Input[str]
    signing: Input[str]
    """The ConfigMap with the keys that are trusted, known when it is there."""
    pull_secret: str | None
    labels: Mapping[str, str]


class ModelFiller(pulumi.ComponentResource):
    """`filled` are the Jobs by their server, each known when its version is on the volume `claim`."""

    claim: Output[str]

    def __init__(self, name: str, args: ModelFillerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:models:ModelFiller", name, None, opts)
        child = ResourceOptions(parent=self)
        labels = of_fillers(args.labels)
        network_policy(
            f"{name}-network",
            of=ACCOUNT,
            pods={NAME: ACCOUNT},
            namespace=args.namespace,
            labels=labels,
            allowances=args.filler.network,
            opts=child,
        )
        claim = _claim(name, args.filler.claim, args.namespace, labels, child)
        self.claim = claim.metadata.apply(lambda metadata: metadata.name or args.filler.claim.name)
        self.filled: Mapping[str, Resource] = {
            job.server: _job(name, args, job, self.claim, child) for job in args.filler.jobs
        }
        self.register_outputs({"claim": self.claim})


def _claim(
    name: str, planned: PlannedClaim, namespace: Input[str], labels: Mapping[str, str], opts: ResourceOptions
) -> PersistentVolumeClaim:
    storage_class: Input[str] = planned.storage_class
    if isinstance(planned.storage, MadeClass):
        made = StorageClass(
            f"{name}-{planned.name}-class",
            metadata=ObjectMetaArgs(name=planned.storage.name, labels=labels),
            provisioner=planned.storage.provisioner,
            parameters=dict(planned.storage.parameters),
            reclaim_policy="Delete",
            volume_binding_mode="Immediate",
            allow_volume_expansion=True,
            opts=opts,
        )
        storage_class = made.metadata.apply(lambda metadata: metadata.name or planned.storage_class)
    return PersistentVolumeClaim(
        f"{name}-{planned.name}",
        metadata=ObjectMetaArgs(
            name=planned.name,
            namespace=namespace,
            labels=labels,
            # Pulumi waits 5 minutes for a claim, and a file system that is made first takes longer: the Jobs wait.
            annotations={"pulumi.com/skipAwait": "true"},
        ),
        spec=PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteMany"],
            storage_class_name=storage_class,
            volume_mode="Filesystem",
            resources=VolumeResourceRequirementsArgs(requests={"storage": str(planned.size)}),
        ),
        opts=opts,
    )


def _job(name: str, args: ModelFillerArgs, job: FillJob, claim: Input[str], opts: ResourceOptions) -> Job:
    labels = {**of_fillers(args.labels), INSTANCE: job.server}
    account = ServiceAccount(
        f"{name}-{job.server}-account",
        metadata=ObjectMetaArgs(
            name=job.account, namespace=args.namespace, labels=labels, annotations=job.bucket.identity
        ),
        automount_service_account_token=False,
        opts=opts,
    )
    wait = f"{job.seconds.value}s"
    return Job(
        f"{name}-{args.filler.name_of(job)}",
        metadata=ObjectMetaArgs(name=args.filler.name_of(job), namespace=args.namespace, labels=labels),
        spec=JobSpecArgs(
            active_deadline_seconds=job.seconds.value,
            backoff_limit=RETRIES,
            pod_replacement_policy="Failed",
            pod_failure_policy=disruptions_uncounted(),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels=labels, annotations={MODELS_DIGEST: f"sha256:{job.served.digest}"}),
                spec=_pod(args, job, account.metadata.apply(lambda metadata: metadata.name or job.account), claim),
            ),
        ),
        opts=ResourceOptions.merge(opts, ResourceOptions(custom_timeouts=CustomTimeouts(create=wait))),
    )


def _pod(args: ModelFillerArgs, job: FillJob, account: Input[str], claim: Input[str]) -> PodSpecArgs:
    resources = exactly(FILLER_CPU, FILLER_MEMORY, LOGS)
    return job_pod(
        account=account,
        pull_secret=args.pull_secret,
        owns_volumes=True,
        containers=[
            pull_container(
                job.server, job.served, job.bucket, image=args.filler.programs.value, resources=resources, volume=VOLUME
            )
        ],
        volumes=[
            VolumeArgs(
                name=VOLUME,
                persistent_volume_claim=PersistentVolumeClaimVolumeSourceArgs(claim_name=claim),
            ),
            signing_volume(args.signing),
        ],
    )
