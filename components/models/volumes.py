"""How a pod sees its models: a bucket that Triton reads itself, or a read-only mount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.core.v1 import (
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

from planning.storage import MOUNT, BucketSource, ClaimSource, ImageSource, NodePathSource, Source

VOLUME = "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsInPod:
    """What a pod needs to read its models. Volumes are mounted read-only."""

    volumes: tuple[VolumeArgs, ...]
    mounts: tuple[VolumeMountArgs, ...]
    env: tuple[EnvVarArgs, ...]


def models_in_pod(source: Source) -> ModelsInPod:
    match source:
        case BucketSource(region=region):
            # The AWS SDK in Triton looks at either name, by its age.
            names = ("AWS_REGION", "AWS_DEFAULT_REGION") if region else ()
            env = tuple(EnvVarArgs(name=name, value=region) for name in names)
            return ModelsInPod(volumes=(), mounts=(), env=env)
        case ClaimSource(claim=claim) | NodePathSource(claim=claim):
            volume = VolumeArgs(
                name=VOLUME,
                persistent_volume_claim=PersistentVolumeClaimVolumeSourceArgs(claim_name=claim, read_only=True),
            )
        case ImageSource(reference=reference):
            volume = VolumeArgs(
                name=VOLUME, image=ImageVolumeSourceArgs(reference=reference, pull_policy="IfNotPresent")
            )
    mount = VolumeMountArgs(name=VOLUME, mount_path=MOUNT, read_only=True)
    return ModelsInPod(volumes=(volume,), mounts=(mount,), env=())


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
