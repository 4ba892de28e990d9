"""How a pod sees its models: a bucket that Triton reads, or a read-only mount, which an init container may fill or wait
for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    EnvVarArgs,
    ImageVolumeSourceArgs,
    LocalVolumeSourceArgs,
    NodeSelectorArgs,
    NodeSelectorRequirementArgs,
    NodeSelectorTermArgs,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpecArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    PersistentVolumeSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
    VolumeNodeAffinityArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.models.fetching import SIGNING, fetcher_container, fetcher_volumes, signing_volume
from components.models.waiting import waiting_container
from planning.buckets import Bucket
from planning.server import PlannedServer
from planning.storage import MOUNT, BucketSource, ClaimSource, FetchedSource, FilledSource, ImageSource, NodePathSource

VOLUME = "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsInPod:
    """What a pod needs to read its models. Triton's mounts are read-only; `before` runs before it starts."""

    volumes: tuple[VolumeArgs, ...] = ()
    mounts: tuple[VolumeMountArgs, ...] = ()
    env: tuple[EnvVarArgs, ...] = ()
    before: tuple[ContainerArgs, ...] = ()


def models_in_pod(server: PlannedServer, signing: Input[str] | None) -> ModelsInPod:
    """`signing`: the name of the ConfigMap with the keys that our programs trust, where the stack has one."""
    keys = SIGNING if signing is None else signing
    mount = VolumeMountArgs(name=VOLUME, mount_path=MOUNT, read_only=True)
    match server.storage.source:
        case BucketSource(bucket=Bucket(region=region)):
            # The AWS SDK in Triton looks at either name, by its age.
            names = ("AWS_REGION", "AWS_DEFAULT_REGION") if region else ()
            return ModelsInPod(env=tuple(EnvVarArgs(name=name, value=region) for name in names))
        case FetchedSource() as source:
            return ModelsInPod(
                volumes=fetcher_volumes(source, VOLUME, keys),
                mounts=(mount,),
                before=(fetcher_container(server, source, VOLUME),),
            )
        case FilledSource() as source:
            # The mount is made when Triton starts, which is after `before` has found the folder.
            own = VolumeMountArgs(name=VOLUME, mount_path=source.path, sub_path=source.folder, read_only=True)
            return ModelsInPod(
                volumes=(_claimed(source.claim), signing_volume(keys)),
                mounts=(own,),
                before=(waiting_container(server, source, mount),),
            )
        case ClaimSource(claim=claim) | NodePathSource(claim=claim):
            volume = _claimed(claim)
        case ImageSource(reference=reference):
            volume = VolumeArgs(
                name=VOLUME, image=ImageVolumeSourceArgs(reference=reference, pull_policy="IfNotPresent")
            )
    return ModelsInPod(volumes=(volume,), mounts=(mount,))


def _claimed(claim: str) -> VolumeArgs:
    return VolumeArgs(
        name=VOLUME,
        persistent_volume_claim=PersistentVolumeClaimVolumeSourceArgs(claim_name=claim, read_only=True),
    )


def node_path_volume(
    name: str,
    source: NodePathSource,
    *,
    namespace: Input[str],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> Output[str]:
    """A directory of the node as a local PersistentVolume, bound to a claim; the claim's name. Restricted Pod
    Security refuses host paths and admits claims."""
    volume = PersistentVolume(
        f"{name}-volume",
        metadata=ObjectMetaArgs(name=source.volume, labels=labels),
        spec=PersistentVolumeSpecArgs(
            capacity={"storage": str(source.size)},
            access_modes=["ReadOnlyMany"],
            persistent_volume_reclaim_policy="Retain",
            storage_class_name="",
            volume_mode="Filesystem",
            local=LocalVolumeSourceArgs(path=source.node_path),
            node_affinity=VolumeNodeAffinityArgs(
                required=NodeSelectorArgs(
                    node_selector_terms=[
                        NodeSelectorTermArgs(
                            match_expressions=[
                                NodeSelectorRequirementArgs(key="kubernetes.io/os", operator="In", values=["linux"])
                            ]
                        )
                    ]
                )
            ),
        ),
        opts=opts,
    )
    claim = PersistentVolumeClaim(
        f"{name}-claim",
        metadata=ObjectMetaArgs(name=source.claim, namespace=namespace, labels=labels),
        spec=PersistentVolumeClaimSpecArgs(
            access_modes=["ReadOnlyMany"],
            storage_class_name="",
            volume_name=volume.metadata.apply(lambda metadata: metadata.name or source.volume),
            resources=VolumeResourceRequirementsArgs(requests={"storage": str(source.size)}),
        ),
        opts=opts,
    )
    return claim.metadata.apply(lambda metadata: metadata.name or source.claim)
