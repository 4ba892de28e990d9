"""The volume of models that Jobs fill and pods read: its claim, its class, its size, and what storage is refused.

The claim is ReadWriteMany, because the same one is filled; pods mount it read-only, each its own server's version. A
claim of ReadOnlyMany alone could not be written by the Job, and the EFS driver refuses it (aws-efs-csi-driver 3.4,
pkg/driver/node.go, `volumeCapAccessModes`). Hyperdisk ML is not among the kinds: docs/how-to/model-volume.md says why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from planning.clusters.block import at
from planning.derived import Derived
from planning.fetching import delivery_of, plan_fetch_time, plan_room
from planning.findings import Finding, Rule, Severity, setting
from planning.repository.served import ServedSet
from planning.settings.cluster import Eks, Gke, Platform, described, platform_of
from planning.settings.quantities import Memory
from planning.settings.repository import ModelRepository, OnVolume
from planning.settings.root import Settings
from planning.settings.volumes import OfClass, OfEfs, OfFilestore, VolumeStorage

USER = 1000
"""Whose files they are: the user and group of Triton's pods and of Jobs' (components/job_pods.py). `triton-server` in
NVIDIA's image (server, build.py; the secure deployment guide runs as it)."""

VERSIONS = 2
"""That there is room for: the one that is served, and the one that is being filled."""

EFS_SIZE = Memory(2**30)
"""A claim must ask for some size, and EFS has none: its driver does not look at it (aws-efs-csi-driver 3.4,
docs/parameters.md and pkg/driver/controller.go, `CreateVolume`)."""

ONE_NODE_CLASSES: Mapping[Platform, tuple[str, ...]] = {
    "gke": ("standard", "standard-rwo", "premium-rwo", "hyperdisk-ml", "hyperdisk-ml-multi-zone"),
    "eks": ("gp2", "gp3"),
    "other": ("managed", "managed-csi", "managed-premium", "managed-csi-premium", "local-path"),
}
"""Classes whose volumes one node mounts to write, as clusters come with them or as the cloud's guides name them:
persistent disks of GKE ("Storage in GKE") and Hyperdisk ML ("Accelerate AI/ML data loading with Hyperdisk ML"), EBS on
EKS ("Store Kubernetes volumes with Amazon EBS"), disks of AKS ("Storage options for applications in AKS"), and the one
of k3s."""

PLACE_S = 900
"""Until a Job's pod runs: a node, and the volume itself. An allowance of ours: a file system that is made first takes
minutes."""

OTHER_CLOUD = Rule("TU125", Severity.ERROR, "The storage of a model volume is of the cluster's cloud")
TOO_SMALL = Rule("TU126", Severity.ERROR, "A model volume has room for two versions of what is served")
ONE_NODE = Rule("TU127", Severity.WARNING, "A model volume can be read on many nodes")
NO_DRIVER = Rule("TU128", Severity.ERROR, "The cluster has the driver of the model volume's storage")

STORAGE = "model_repository.destination.delivery.storage"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeClass:
    """A StorageClass of ours."""

    name: str
    provisioner: str
    parameters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedClaim:
    """`storage` is a class that the cluster has, by its name, or one that comes with the claim. The claim's name
    follows from it: a claim cannot change its class, so that another class is another volume, filled beside the
    first."""

    storage: str | MadeClass
    size: Memory

    @property
    def storage_class(self) -> str:
        return self.storage.name if isinstance(self.storage, MadeClass) else self.storage

    @property
    def name(self) -> str:
        return f"models-{hashlib.sha256(repr(self.storage).encode()).hexdigest()[:8]}"


def volume_of(repository: ModelRepository) -> VolumeStorage | None:
    """None where models come otherwise than by a volume that Jobs fill."""
    delivery = delivery_of(repository)
    return delivery.storage if isinstance(delivery, OnVolume) else None


def plan_claim(namespace: str, storage: VolumeStorage) -> PlannedClaim:
    match storage:
        case OfClass(name=name, size=size):
            return PlannedClaim(storage=name, size=size)
        case OfEfs(file_system=file_system):
            made = MadeClass(
                # Of the cluster, not of the namespace, and its parameters cannot change.
                name=f"{namespace}-models-{file_system}",
                provisioner="efs.csi.aws.com",
                parameters=(
                    ("provisioningMode", "efs-ap"),
                    ("fileSystemId", file_system),
                    ("directoryPerms", "755"),
                    ("uid", str(USER)),
                    ("gid", str(USER)),
                ),
            )
            return PlannedClaim(storage=made, size=EFS_SIZE)
        case OfFilestore(network=network, tier=tier, size=size):
            made = MadeClass(
                name=f"{namespace}-models-{tier}-{network}",
                provisioner="filestore.csi.storage.gke.io",
                parameters=(("network", network), ("tier", tier)),
            )
            return PlannedClaim(storage=made, size=size)


def plan_fill_time(served: ServedSet) -> Derived[int]:
    """In seconds, from the Job's creation until its version is there."""
    fetch = plan_fetch_time(served)
    return Derived(PLACE_S + fetch.value, f"its node and the volume up to {PLACE_S} s, then {fetch.because}")


def reader_account(repository: ModelRepository, server: str) -> str:
    """The ServiceAccount that reads the folder of `server` in the bucket: that of its Job, or that of its pods."""
    return filler_account(server) if volume_of(repository) else server


def filler_account(server: str) -> str:
    return f"model-filler-{server}"


def check_volume(settings: Settings, served: Sequence[ServedSet]) -> Iterator[Finding]:
    """`served`: what each server serves, of those that could be planned."""
    storage = volume_of(settings.model_repository)
    match storage:
        case OfEfs(kind=kind):
            yield from _check_driver(settings, kind, "eks")
        case OfFilestore(kind=kind, size=size):
            yield from _check_driver(settings, kind, "gke")
            yield from _check_size(size, served)
        case OfClass(name=name, size=size):
            yield from _check_class(settings, name)
            yield from _check_size(size, served)
        case None:
            pass


def _check_driver(settings: Settings, kind: Literal["efs", "filestore"], platform: Platform) -> Iterator[Finding]:
    cluster = described(settings.cluster)
    if platform_of(settings.cluster) != platform:
        yield Finding(
            rule=OTHER_CLOUD,
            at=setting(f"{STORAGE}.kind"),
            what=f"{kind!r} is mounted on {platform.upper()} alone, and the cluster is of kind {cluster.kind!r}"
            f" on {platform_of(settings.cluster)}.",
            fix="Choose `class` with a StorageClass of this cluster.",
        )
    elif isinstance(cluster, Eks | Gke) and kind not in cluster.volumes:
        yield Finding(
            rule=NO_DRIVER,
            at=at(settings, "volumes"),
            what=f"{cluster.volumes} has no {kind!r}, so the cluster gets no driver that could mount such a volume.",
            fix=f"Write [{', '.join([*cluster.volumes, kind])}].",
        )


def _check_class(settings: Settings, name: str) -> Iterator[Finding]:
    if name in ONE_NODE_CLASSES[platform_of(settings.cluster)]:
        yield Finding(
            rule=ONE_NODE,
            at=setting(f"{STORAGE}.name"),
            what=f"{name!r} is by default a class of disks, which one node mounts at a time: pods on others"
            " would wait for it for ever.",
            fix="Name a class of shared file systems, whose access modes include ReadWriteMany, or accept this warning"
            " if the class is such a one here.",
        )


def _check_size(size: Memory, served: Sequence[ServedSet]) -> Iterator[Finding]:
    need = VERSIONS * sum(plan_room(one).value.bytes for one in served)
    if need > size.bytes:
        yield Finding(
            rule=TOO_SMALL,
            at=setting(f"{STORAGE}.size"),
            what=f"{size} has no room for {VERSIONS} versions of what is served,"
            f" {Memory(need).readable()}: a new one is written beside the one that is served.",
            fix=f"Write {Memory(-(-need // 2**30) * 2**30)} or more.",
        )
