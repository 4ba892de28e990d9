"""Triton's Deployment, one for each lane. What the numbers are is decided in `planning`.

Read from top to bottom it is all of Triton's pod. `replicas` is never stated: the lane's scaler owns it, fixed
lanes included, so that turning scaling on or off does not pass through the API's default of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi import CustomTimeouts, Input, ResourceOptions
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
)
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    HTTPGetActionArgs,
    LifecycleArgs,
    LifecycleHandlerArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    SleepActionArgs,
    TopologySpreadConstraintArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from components.amounts import exactly
from components.images import image_reference, pull_secrets
from components.labels import LANE, lane_selector, of_server
from components.models.fetching import NO_ROLE
from components.models.volumes import models_in_pod
from components.placement import class_of, on_nodes_with, tolerations_of
from components.security.restricted import as_user, restricted
from components.serving.caching import cache_in_pod
from components.serving.proxy import CONFIG_DIGEST, config_digest, proxy_container, proxy_volumes
from components.serving.proxy import CONTAINER as PROXY
from planning.buckets import Bucket, CloudIdentity
from planning.model_versions import MODELS_DIGEST
from planning.ports import METRICS_PORT, TRITON_GRPC_PORT, TRITON_HTTP_PORT
from planning.server import PlannedLane, PlannedServer
from planning.settings.quantities import Memory
from planning.startup import PROBE_PERIOD_S
from planning.storage import FetchedSource
from planning.volumes import USER

CONTAINER = "triton"

TRITON_HTTP_NAME = "http-triton"
TRITON_GRPC_NAME = "grpc-triton"
"""Its own ports; `http` and `grpc` are the proxy's."""

LOGS = Memory(2**30)
"""Ephemeral storage for the container's log beside /tmp: kubelet rotates at 5 files of 10 MiB by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonArgs:
    server: PlannedServer
    lane: PlannedLane
    namespace: Input[str]
    service_account: Input[str]
    proxy_config: Input[str]
    """Known when the ConfigMap is there: a changed one must be before the pods that read it."""
    signing: Input[str] | None
    """The ConfigMap with the keys that our programs trust, known when it is there; None where none verifies models."""
    priority_class: Input[str]
    pull_secret: str | None
    labels: Mapping[str, str]


def triton_deployment(name: str, args: TritonArgs, opts: ResourceOptions) -> Deployment:
    lane, rollout = args.lane.lane, args.lane.rollout
    own = lane_selector(args.server.name, lane.name)
    labels = {**of_server(args.server.name, args.labels), LANE: lane.name}
    wait = f"{args.lane.patience.pulumi_timeout.value}s"
    return Deployment(
        name,
        metadata=ObjectMetaArgs(name=lane.deployment, namespace=args.namespace, labels=labels),
        spec=DeploymentSpecArgs(
            selector=LabelSelectorArgs(match_labels=own),
            progress_deadline_seconds=args.lane.patience.progress_deadline.value,
            revision_history_limit=5,
            strategy=DeploymentStrategyArgs(
                type="RollingUpdate",
                rolling_update=RollingUpdateDeploymentArgs(
                    max_surge=rollout.max_surge.value, max_unavailable=rollout.max_unavailable.value
                ),
            ),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(
                    labels=labels,
                    annotations={
                        MODELS_DIGEST: f"sha256:{args.server.served.digest}",
                        CONFIG_DIGEST: config_digest(args.server.proxy),
                        **_without_identity(args.server),
                    },
                ),
                spec=_pod(args),
            ),
        ),
        opts=ResourceOptions.merge(opts, ResourceOptions(custom_timeouts=CustomTimeouts(create=wait, update=wait))),
    )


def _pod(args: TritonArgs) -> PodSpecArgs:
    server = args.server
    models = models_in_pod(server, args.signing)
    shared_volumes, shared_mounts = _shared_memory(args)
    cache = cache_in_pod(server.cache)
    return PodSpecArgs(
        service_account_name=args.service_account,
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name=args.priority_class,
        termination_grace_period_seconds=server.drain.grace.value,
        image_pull_secrets=pull_secrets(args.pull_secret),
        security_context=as_user(USER, owns_volumes=True),
        node_selector=class_of(args.lane.lane.pools),
        affinity=on_nodes_with([pool.labels for pool in args.lane.lane.pools]),
        tolerations=tolerations_of(args.lane.lane.pools),
        topology_spread_constraints=_spread(args),
        init_containers=[
            *models.before,
            # A sidecar: it starts before Triton and ends after it.
            proxy_container(image_reference(server.proxy_image.value), server.proxy),
        ],
        containers=[_container(server, [*models.env, *cache.env], [*models.mounts, *shared_mounts, *cache.mounts])],
        volumes=[
            *models.volumes,
            *shared_volumes,
            *cache.volumes,
            VolumeArgs(
                name="scratch", empty_dir=EmptyDirVolumeSourceArgs(size_limit=str(server.storage.scratch.value))
            ),
            *proxy_volumes(args.proxy_config),
        ],
    )


def _shared_memory(args: TritonArgs) -> tuple[Sequence[VolumeArgs], Sequence[VolumeMountArgs]]:
    """What Python models hand tensors over in. A volume would cover what the device plugin mounts for MPS at the same
    path, which is half of the node's memory and counts as the pod's as far as the pod fills it."""
    if args.lane.lane.by_mps:
        return (), ()
    size = str(Memory(args.server.needs.shared.value))
    return (
        [VolumeArgs(name="shared-memory", empty_dir=EmptyDirVolumeSourceArgs(medium="Memory", size_limit=size))],
        [VolumeMountArgs(name="shared-memory", mount_path="/dev/shm")],  # noqa: S108 - a volume of the pod's own
    )


def _without_identity(server: PlannedServer) -> dict[str, str]:
    """Where an init container reads the bucket, nobody else in the pod needs to be anybody to AWS."""
    match server.storage.source:
        case FetchedSource(bucket=Bucket(scheme="s3", access=CloudIdentity())):
            return {NO_ROLE: f"{CONTAINER},{PROXY}"}
        case _:
            return {}


def _container(server: PlannedServer, env: Sequence[EnvVarArgs], mounts: Sequence[VolumeMountArgs]) -> ContainerArgs:
    return ContainerArgs(
        name=CONTAINER,
        image=image_reference(server.image.value),
        image_pull_policy="IfNotPresent",
        command=["tritonserver"],
        args=[str(argument) for argument in server.arguments],
        env=[
            # The root file system is read-only: what libraries cache in the home directory goes to /tmp.
            EnvVarArgs(name="HOME", value="/tmp"),  # noqa: S108 - a volume of the pod's own
            EnvVarArgs(name="PYTHONDONTWRITEBYTECODE", value="1"),
            *env,
        ],
        ports=[
            ContainerPortArgs(name=TRITON_HTTP_NAME, container_port=TRITON_HTTP_PORT, protocol="TCP"),
            ContainerPortArgs(name=TRITON_GRPC_NAME, container_port=TRITON_GRPC_PORT, protocol="TCP"),
            ContainerPortArgs(name="metrics", container_port=METRICS_PORT, protocol="TCP"),
        ],
        resources=exactly(server.cpu, server.memory, Memory(server.storage.disk.bytes + LOGS.bytes), gpus=server.gpus),
        startup_probe=ProbeArgs(
            http_get=HTTPGetActionArgs(path=f"/v2/models/{server.startup.model.value}/ready", port=TRITON_HTTP_NAME),
            period_seconds=PROBE_PERIOD_S,
            timeout_seconds=PROBE_PERIOD_S,
            failure_threshold=server.startup.failure_threshold.value,
        ),
        readiness_probe=ProbeArgs(
            http_get=HTTPGetActionArgs(path="/v2/health/ready", port=TRITON_HTTP_NAME),
            period_seconds=5,
            timeout_seconds=5,
            failure_threshold=2,
        ),
        liveness_probe=ProbeArgs(
            http_get=HTTPGetActionArgs(path="/v2/health/live", port=TRITON_HTTP_NAME),
            period_seconds=10,
            timeout_seconds=10,
            failure_threshold=6,
        ),
        lifecycle=LifecycleArgs(
            pre_stop=LifecycleHandlerArgs(sleep=SleepActionArgs(seconds=server.drain.pre_stop.value))
        ),
        security_context=restricted(),
        volume_mounts=[
            *mounts,
            VolumeMountArgs(name="scratch", mount_path="/tmp"),  # noqa: S108 - a volume of the pod's own
        ],
    )


def _spread(args: TritonArgs) -> list[TopologySpreadConstraintArgs]:
    own = lane_selector(args.server.name, args.lane.lane.name)
    return [
        TopologySpreadConstraintArgs(
            topology_key=key,
            max_skew=1,
            when_unsatisfiable=strictness.value.value,
            label_selector=LabelSelectorArgs(match_labels=own),
            # Only pods of one revision are compared, or a rollout would be spread against the pods it replaces.
            match_label_keys=["pod-template-hash"],
            node_taints_policy="Honor",
        )
        for key, strictness in (
            ("topology.kubernetes.io/zone", args.lane.over_zones),
            ("kubernetes.io/hostname", args.lane.over_nodes),
        )
    ]
