"""The Jobs that try a pool's new driver on one node (planning/driver_canary.py), before the others get it.

A Job's pod is nobody in particular, with no right in the API and no network: it runs handshake.py in the image that
serves, with GPUs as a server's pod has them. Pulumi waits for it, and what depends on one that fails is not touched.

It fails by `backoffLimit` and no rule of a pod failure policy, because Pulumi knows that and a deadline for failures
and no others (pulumi/pulumi-kubernetes 9497796, provider/pkg/await/checker/job/check.go, collectJobConditionErrors).
A pod that was disrupted is made anew: that says nothing of the driver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi import CustomTimeouts, Input, Resource, ResourceOptions
from pulumi_kubernetes.batch.v1 import Job, JobSpecArgs
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.amounts import exactly
from components.gpu import handshake
from components.images import image_reference
from components.job_pods import STAY, disruptions_uncounted, job_pod
from components.labels import INSTANCE, NAME, common
from components.placement import on_nodes_with, tolerated
from components.security.restricted import restricted
from planning.driver_canary import DriverCanary
from planning.settings.quantities import Cpu, Memory

CALLED = "driver-canary"
FOLDER, FILE = "/etc/tritonup-driver", "handshake.py"

CPU, MEMORY, DISK = Cpu(500), Memory(2**30), Memory(256 * 2**20)
"""An allowance: a CUDA context takes some hundred MiB of the host's memory."""

SCRATCH = "128Mi"

LATER_S = 60
"""Pulumi gives up so much later than the Job does, which says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverCanariesArgs:
    canaries: Sequence[DriverCanary]
    namespace: Input[str]
    pull_secret: str | None
    labels: Mapping[str, str]


class DriverCanaries(pulumi.ComponentResource):
    """`handshakes`, by pool: Jobs, each there when it has succeeded."""

    handshakes: Mapping[str, Resource]

    def __init__(self, name: str, args: DriverCanariesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:gpu:DriverCanaries", name, None, opts)
        child = ResourceOptions(parent=self)
        labels = {**common(args.labels), NAME: CALLED}
        program = ConfigMap(
            f"{name}-program",
            metadata=ObjectMetaArgs(name=CALLED, namespace=args.namespace, labels=labels),
            data={FILE: program_text()},
            opts=child,
        )
        read = program.metadata.apply(lambda metadata: metadata.name or CALLED)
        self.handshakes = {
            canary.pool: _job(f"{name}-{canary.pool}", canary, args, read, {**labels, INSTANCE: canary.pool}, child)
            for canary in args.canaries
        }
        self.register_outputs({})


def program_text() -> str:
    return Path(handshake.__file__).read_text(encoding="utf-8")


def _job(
    name: str,
    canary: DriverCanary,
    args: DriverCanariesArgs,
    program: Input[str],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> Job:
    wait = f"{canary.seconds.value + LATER_S}s"
    return Job(
        name,
        metadata=ObjectMetaArgs(
            name=canary.object_name,
            namespace=args.namespace,
            labels=labels,
            annotations={"tritonup/driver": canary.version.value},
        ),
        spec=JobSpecArgs(
            active_deadline_seconds=canary.seconds.value,
            backoff_limit=0,
            pod_failure_policy=disruptions_uncounted(),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels=labels, annotations=dict(STAY)), spec=_pod(canary, args, program)
            ),
        ),
        opts=ResourceOptions.merge(
            opts,
            ResourceOptions(
                replace_on_changes=["spec"],
                delete_before_replace=True,
                custom_timeouts=CustomTimeouts(create=wait, update=wait),
            ),
        ),
    )


def _pod(canary: DriverCanary, args: DriverCanariesArgs, program: Input[str]) -> PodSpecArgs:
    return job_pod(
        pull_secret=args.pull_secret,
        owns_volumes=False,
        affinity=on_nodes_with([canary.labels]),
        tolerations=tolerated(canary.taints),
        containers=[
            ContainerArgs(
                name="handshake",
                image=image_reference(canary.image.value),
                image_pull_policy="IfNotPresent",
                command=["python3", f"{FOLDER}/{FILE}"],
                args=list(arguments(canary)),
                env=[
                    # As Triton's container has it: what libraries cache in the home directory goes to /tmp.
                    EnvVarArgs(name="HOME", value="/tmp"),  # noqa: S108 - a volume of the pod's own
                    EnvVarArgs(name="PYTHONDONTWRITEBYTECODE", value="1"),
                ],
                resources=exactly(CPU, MEMORY, DISK, gpus=canary.gpus),
                termination_message_policy="FallbackToLogsOnError",
                security_context=restricted(),
                volume_mounts=[
                    VolumeMountArgs(name="program", mount_path=FOLDER, read_only=True),
                    VolumeMountArgs(name="scratch", mount_path="/tmp"),  # noqa: S108 - a volume of the pod's own
                ],
            )
        ],
        volumes=[
            VolumeArgs(name="program", config_map=ConfigMapVolumeSourceArgs(name=program)),
            VolumeArgs(name="scratch", empty_dir=EmptyDirVolumeSourceArgs(size_limit=SCRATCH)),
        ],
    )


def arguments(canary: DriverCanary) -> Sequence[str]:
    """What handshake.py is told."""
    return (
        *((f"--cuda={_dotted(canary.cuda)}",) if canary.cuda is not None else ()),
        *((f"--driver={canary.driver}",) if canary.driver is not None else ()),
        f"--capability={_dotted(canary.capability)}",
    )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
