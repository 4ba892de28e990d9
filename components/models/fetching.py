"""The init container that brings a server's models into its pod, verified (planning/fetching.py).

It comes before the proxy and before Triton, so that it has the whole pod's processors and memory to itself, and the pod
asks for no more than without it. It has no token of Kubernetes', and is the only container that writes to the volume.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    ResourceRequirementsArgs,
    SecretKeySelectorArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.amounts import exactly
from components.images import image_reference
from components.security.restricted import restricted
from planning.buckets import Bucket, SecretKeys
from planning.images import ImageRef
from planning.repository.served import ServedSet
from planning.server import PlannedServer
from planning.settings.quantities import Memory
from planning.settings.repository import Signing
from planning.storage import MOUNT, FetchedSource

CONTAINER = "models"

SIGNING = "model-signing"
"""The ConfigMap with the keys that are trusted and revoked. Pods that start read what it says then, whichever revision
of a Deployment they are of: going back to an old one does not bring back a key that was revoked since."""

FILE = "signing.json"
FOLDER = "/etc/tritonup"

LOGS = Memory(2**26)
"""Ephemeral storage for its log: a line in 5 s."""

NO_ROLE = "eks.amazonaws.com/skip-containers"
"""Annotation of a pod: the containers that its role is not given to (aws/amazon-eks-pod-identity-webhook, README)."""

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def signing_config(
    name: str, signing: Signing, *, namespace: Input[str], labels: Mapping[str, str], opts: ResourceOptions
) -> ConfigMap:
    """Whom the fetchers of all servers trust."""
    return ConfigMap(
        name,
        metadata=ObjectMetaArgs(name=SIGNING, namespace=namespace, labels=labels),
        data={FILE: json.dumps(signing.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"},
        opts=opts,
    )


def fetcher_container(server: PlannedServer, source: FetchedSource, volume: str) -> ContainerArgs:
    """`volume`: where the models come to."""
    on_disk = source.room.value.bytes if source.onto == "disk" else 0
    resources = exactly(server.cpu, server.memory, Memory(on_disk + LOGS.bytes))
    return pull_container(
        server.name, server.served, source.bucket, image=source.image.value, resources=resources, volume=volume
    )


def pull_container(
    server: str,
    served: ServedSet,
    bucket: Bucket,
    *,
    image: ImageRef,
    resources: ResourceRequirementsArgs,
    volume: str,
) -> ContainerArgs:
    """Brings what `server` serves from `bucket` to `volume`."""
    return ContainerArgs(
        name=CONTAINER,
        image=image_reference(image),
        image_pull_policy="IfNotPresent",
        args=pull_arguments(server, served, bucket),
        env=access_keys(bucket) or None,
        resources=resources,
        # What it cannot say itself, a crash or an end for want of memory, its log's last lines do.
        termination_message_policy="FallbackToLogsOnError",
        security_context=restricted(),
        volume_mounts=[
            VolumeMountArgs(name=volume, mount_path=MOUNT),
            VolumeMountArgs(name=SIGNING, mount_path=FOLDER, read_only=True),
        ],
    )


def fetcher_volumes(source: FetchedSource, volume: str, signing: Input[str]) -> tuple[VolumeArgs, ...]:
    """`signing`: the name of what `signing_config` made."""
    return (
        VolumeArgs(
            name=volume,
            empty_dir=EmptyDirVolumeSourceArgs(
                medium="Memory" if source.onto == "memory" else None, size_limit=str(source.room.value)
            ),
        ),
        signing_volume(signing),
    )


def signing_volume(signing: Input[str]) -> VolumeArgs:
    """`signing`: the name of what `signing_config` made."""
    return VolumeArgs(name=SIGNING, config_map=ConfigMapVolumeSourceArgs(name=signing))


def pull_arguments(server: str, served: ServedSet, bucket: Bucket) -> list[str]:
    """Of the program that brings `server`'s models to MOUNT (programs/models_pull.py)."""
    return [
        *("models", "pull", server),
        f"--digest={served.digest}",
        *store_arguments(bucket),
        f"--out={MOUNT}",
        f"--signing={FOLDER}/{FILE}",
        f"--bytes={served.total_bytes}",
    ]


def store_arguments(bucket: Bucket) -> tuple[str, ...]:
    """As our programs are told where a destination is (programs/arguments.py)."""
    return (
        f"--store={bucket.url}",
        *((f"--region={bucket.region}",) if bucket.region else ()),
        *((f"--endpoint={bucket.endpoint}",) if bucket.endpoint else ()),
    )


def access_keys(bucket: Bucket) -> list[EnvVarArgs]:
    """For a container that reaches `bucket`; none where the pod proves to the cloud who it is."""
    access = bucket.access
    if not isinstance(access, SecretKeys):
        return []
    return [
        EnvVarArgs(
            name=key,
            value_from=EnvVarSourceArgs(secret_key_ref=SecretKeySelectorArgs(name=access.name, key=key)),
        )
        for key in KEYS
    ]
