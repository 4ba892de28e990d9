"""The Jobs that build TensorRT engines (planning/engines/builder.py), and what their pods may reach.

A pod in order: `source` brings the ONNX file, `build` is trtexec on the GPU, `triton` serves the ONNX file and the
engine (a sidecar, so that the pod ends with its main container), `publish` compares the two and publishes. A GPU that
an init container had is given to the containers after it (Kubernetes 1.35, pkg/kubelet/cm/devicemanager/manager.go,
Allocate): the pod asks for one.

A Job's pod template cannot change. Its name has the key's digest, and Pulumi replaces it where anything else does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.batch.v1 import Job, JobSpecArgs
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ServiceAccount,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.amounts import exactly
from components.images import image_reference
from components.job_pods import STAY, job_pod
from components.labels import NAME, of_builders
from components.models.fetching import FILE as SIGNING_FILE
from components.models.fetching import FOLDER as SIGNING_FOLDER
from components.models.fetching import NO_ROLE, SIGNING, access_keys, signing_volume, store_arguments
from components.placement import class_of, on_nodes_with, tolerations_of
from components.security.network import network_policy
from components.security.restricted import restricted
from planning.buckets import CloudIdentity
from planning.engines.builder import PUBLISHER, EngineJob, PlannedBuilder
from planning.engines.orders import BUILDER
from planning.engines.trtexec import TRTEXEC, trtexec_arguments
from planning.engines.workplace import Workplace
from planning.ports import TRITON_HTTP_PORT
from planning.settings.quantities import Memory

WORK = Workplace(PurePosixPath("/work"))

ORDER_FOLDER = "/etc/tritonup-order"
ORDER_FILE = "order.json"

SCRATCH = Memory(2**30)
"""Of /tmp: TensorRT's and CUDA's caches. An allowance of ours."""

LOGS = Memory(64 * 2**20)

RETRIES = 1
"""A build that failed for its own reasons fails again; a node may also have been reclaimed."""

UNLESS_PUBLISHED = f'[ -e {WORK.already} ] || exec "$@"'
"""The shell's: trtexec takes its place, unless `source` has found that nothing is left to do."""

ORDER_DIGEST = "tritonup/order-digest"
"""Annotation of the pod template: another order of the same key, with another tolerance, is another Job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineBuilderArgs:
    builder: PlannedBuilder
    namespace: Input[str]
    signing: Input[str]
    """The ConfigMap with the keys that are trusted, known when it is there."""
    pull_secret: str | None
    labels: Mapping[str, str]


class EngineBuilder(pulumi.ComponentResource):
    """`engines` are the names of the keys that are being built."""

    engines: Output[list[str]]

    def __init__(self, name: str, args: EngineBuilderArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:models:EngineBuilder", name, None, opts)
        child = ResourceOptions(parent=self)
        labels = of_builders(args.labels)
        account = ServiceAccount(
            f"{name}-account",
            metadata=ObjectMetaArgs(
                name=BUILDER,
                namespace=args.namespace,
                labels=labels,
                annotations=args.builder.bucket.identity,
            ),
            automount_service_account_token=False,
            opts=child,
        )
        network_policy(
            f"{name}-network",
            of=BUILDER,
            pods={NAME: BUILDER},
            namespace=args.namespace,
            labels=labels,
            allowances=args.builder.network,
            opts=child,
        )
        for job in args.builder.jobs:
            order = ConfigMap(
                f"{name}-{job.order.object_name}",
                metadata=ObjectMetaArgs(name=job.order.object_name, namespace=args.namespace, labels=labels),
                data={ORDER_FILE: job.order.model_dump_json(indent=2) + "\n"},
                opts=child,
            )
            _job(
                f"{name}-{job.order.object_name}",
                args,
                job,
                account.metadata.apply(lambda metadata: metadata.name or BUILDER),
                order.metadata.apply(lambda metadata, known=job.order.object_name: metadata.name or known),
                labels,
                child,
            )
        self.engines = Output.from_input([job.order.name for job in args.builder.jobs])
        self.register_outputs({"engines": self.engines})


def _job(
    name: str,
    args: EngineBuilderArgs,
    job: EngineJob,
    account: Input[str],
    order: Input[str],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> Job:
    return Job(
        name,
        metadata=ObjectMetaArgs(
            name=job.order.object_name,
            namespace=args.namespace,
            labels=labels,
            # What is served does not wait for an engine: `tritonup engines record` finds it when it is there.
            annotations={"pulumi.com/skipAwait": "true", "tritonup/engine": job.order.name},
        ),
        spec=JobSpecArgs(
            active_deadline_seconds=args.builder.seconds,
            backoff_limit=RETRIES,
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(
                    labels=labels, annotations={**STAY, ORDER_DIGEST: _digest(job), **_identity(args)}
                ),
                spec=_pod(args, job, account, order),
            ),
        ),
        opts=ResourceOptions.merge(opts, ResourceOptions(replace_on_changes=["spec"], delete_before_replace=True)),
    )


def _pod(args: EngineBuilderArgs, job: EngineJob, account: Input[str], order: Input[str]) -> PodSpecArgs:
    bucket = args.builder.bucket
    programs = image_reference(args.builder.programs.value)
    own = image_reference(job.image.value)
    told = [f"--order={ORDER_FOLDER}/{ORDER_FILE}", *store_arguments(bucket), f"--work={WORK.root}"]
    work = VolumeMountArgs(name="work", mount_path=str(WORK.root))
    read_work = VolumeMountArgs(name="work", mount_path=str(WORK.root), read_only=True)
    ordered = VolumeMountArgs(name="order", mount_path=ORDER_FOLDER, read_only=True)
    signing = VolumeMountArgs(name=SIGNING, mount_path=SIGNING_FOLDER, read_only=True)
    scratch = VolumeMountArgs(name="scratch", mount_path="/tmp")  # noqa: S108 - a volume of the pod's own
    shared = VolumeMountArgs(name="shared-memory", mount_path="/dev/shm")  # noqa: S108 - a volume of the pod's own
    home = EnvVarArgs(name="HOME", value="/tmp")  # noqa: S108 - a volume of the pod's own
    disk = Memory(job.room.value.bytes + SCRATCH.bytes + LOGS.bytes)
    keys = access_keys(bucket) or None
    log = "FallbackToLogsOnError"
    return job_pod(
        account=account,
        pull_secret=args.pull_secret,
        owns_volumes=True,
        node_selector=class_of(job.pools),
        affinity=on_nodes_with([pool.labels for pool in job.pools]),
        tolerations=tolerations_of(job.pools),
        before=[
            ContainerArgs(
                name="source",
                image=programs,
                image_pull_policy="IfNotPresent",
                args=["engines", "prepare", *told, f"--signing={SIGNING_FOLDER}/{SIGNING_FILE}"],
                env=keys,
                resources=exactly(job.cpu, job.memory, disk),
                termination_message_policy=log,
                security_context=restricted(),
                volume_mounts=[work, ordered, signing],
            ),
            ContainerArgs(
                name="build",
                image=own,
                image_pull_policy="IfNotPresent",
                command=["/bin/sh", "-c", UNLESS_PUBLISHED, "sh", TRTEXEC],
                args=list(
                    trtexec_arguments(job.order, onnx=str(WORK.onnx(job.order)), plan=str(WORK.plan)),
                ),
                env=[home],
                resources=exactly(job.cpu, job.memory, disk, gpus=1),
                termination_message_policy=log,
                security_context=restricted(),
                volume_mounts=[work, scratch, shared],
            ),
            ContainerArgs(
                name="triton",
                image=own,
                image_pull_policy="IfNotPresent",
                restart_policy="Always",
                command=["tritonserver"],
                args=[
                    f"--model-repository={WORK.repository}",
                    # A model that does not load is said by the server, and by `publish`.
                    "--exit-on-error=false",
                    "--http-address=127.0.0.1",
                    f"--http-port={TRITON_HTTP_PORT}",
                    "--allow-grpc=false",
                    "--allow-metrics=false",
                ],
                env=[home],
                resources=exactly(job.cpu, job.beside, disk, gpus=1),
                security_context=restricted(),
                volume_mounts=[read_work, scratch, shared],
            ),
        ],
        containers=[
            ContainerArgs(
                name="publish",
                image=programs,
                image_pull_policy="IfNotPresent",
                args=["engines", "publish", *told, f"--server=http://127.0.0.1:{TRITON_HTTP_PORT}"],
                env=keys,
                resources=exactly(*PUBLISHER, LOGS),
                termination_message_policy=log,
                security_context=restricted(),
                volume_mounts=[read_work, ordered],
            )
        ],
        volumes=[
            VolumeArgs(name="work", empty_dir=EmptyDirVolumeSourceArgs(size_limit=str(job.room.value))),
            VolumeArgs(name="scratch", empty_dir=EmptyDirVolumeSourceArgs(size_limit=str(SCRATCH))),
            VolumeArgs(name="shared-memory", empty_dir=EmptyDirVolumeSourceArgs(medium="Memory", size_limit="64Mi")),
            VolumeArgs(name="order", config_map=ConfigMapVolumeSourceArgs(name=order)),
            signing_volume(args.signing),
        ],
    )


def _digest(job: EngineJob) -> str:
    return f"sha256:{hashlib.sha256(job.order.model_dump_json().encode()).hexdigest()}"


def _identity(args: EngineBuilderArgs) -> dict[str, str]:
    """What NVIDIA's image runs needs to be nobody to AWS."""
    bucket = args.builder.bucket
    ours = bucket.scheme == "s3" and isinstance(bucket.access, CloudIdentity)
    return {NO_ROLE: "build,triton"} if ours else {}
