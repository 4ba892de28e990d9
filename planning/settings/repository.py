"""The model repository: the directory that planning reads, and the place that servers read."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from planning.settings.base import Strict
from planning.settings.controllers import Presence, State
from planning.settings.images import Registry
from planning.settings.keys import PublicKey
from planning.settings.quantities import Duration, Memory
from planning.settings.scalars import CidrBlock, Distinct, ImageDigest, KeyFingerprint, Name
from planning.settings.volumes import VolumeStorage

Prefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9!_.-]+(/[A-Za-z0-9!_.-]+)*$", examples=["triton/models"])]


class ByTriton(Strict):
    """Triton reads the bucket itself when it starts, and verifies nothing."""

    kind: Literal["triton"]


class Fetched(Strict):
    """An init container of ours fetches exactly what was planned, many ranges at a time, and verifies it against
    `model_repository.signing`. What nobody trusted has signed is not served. It needs the image that `tritonup images
    push` brings to `images.registry`."""

    kind: Literal["fetched"]
    onto: Literal["disk", "memory"] = "disk"
    """Where to: the node's disk, or memory of the pod's own, which `resources.memory` must have room for."""


class OnVolume(Strict):
    """A Job of ours fetches and verifies each version once, into a volume that all pods read: they reach no bucket, and
    start without a download. It needs `model_repository.signing`, and the image that `tritonup images push` brings to
    `images.registry`."""

    kind: Literal["volume"]
    storage: VolumeStorage


class Tolerance(Strict):
    """How far each number of an engine's answer may be from the ONNX model's: `absolute` plus `relative` times that."""

    absolute: Annotated[float, Field(ge=0)] = 0.001
    relative: Annotated[float, Field(ge=0)] = 0.01


class EngineBuilder(Strict):
    """TensorRT engines that are missing are built by Jobs: on the GPU pool that needs them, with the server's image,
    held against the ONNX model, and published to `<destination>/engines/`. It needs `model_repository.signing`, and the
    image that `tritonup images push` brings to `images.registry`."""

    tolerance: Tolerance = Tolerance()
    """How far an engine's answers may be from the ONNX model's. One that is further off is not published."""
    within: Duration = Duration.of_seconds(7200)
    """How long a build may take, the start of its node included."""


class S3Engines(EngineBuilder):
    role: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$")] | None = None
    """The IAM role of the builders: it lists and reads the bucket and puts objects below `engines/`. Left out on a
    cluster of kind `eks`, it is made with the cluster."""


class S3CompatibleEngines(EngineBuilder):
    credentials: Name
    """A Secret in the namespace, which you make, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of who lists and
    reads the bucket and puts objects below `engines/`."""


class GsEngines(EngineBuilder):
    service_account: Annotated[str, Field(pattern=r"^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$")] | None = None
    """The Google service account of the builders: it lists and reads the bucket and creates objects below `engines/`.
    Left out, the Kubernetes service account itself is the principal; on a cluster of kind `gke` it gets these rights
    with the cluster."""


Delivery = Annotated[ByTriton | Fetched | OnVolume, Field(discriminator="kind")]
"""How models come from the bucket into a pod."""


_KEPT_BY_S3 = (("xn--", "sthree-", "amzn-s3-demo-"), ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"))
"""Beginnings and endings (docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html)."""


def name_that_s3_takes(name: str) -> str:
    beginnings, endings = _KEPT_BY_S3
    if ".." in name or re.fullmatch(r"[0-9]+(\.[0-9]+){3}", name):
        raise ValueError("must have no two dots beside each other, and be no address: S3 takes no such name")
    kept = next((part for part in beginnings if name.startswith(part)), None) or next(
        (part for part in endings if name.endswith(part)), None
    )
    if kept is not None:
        raise ValueError(f"must not have {kept!r} in that place, which S3 keeps for itself")
    return name


class S3(Strict):
    """An S3 bucket of AWS, read with the identity of the pod's service account."""

    kind: Literal["s3"]
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"), AfterValidator(name_that_s3_takes)]
    prefix: Prefix | None = None
    region: str
    role: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$")] | None = None
    """The IAM role that may read the bucket (IRSA). Left out on a cluster of kind `eks`, each server gets a role that
    reads its own part, made with the cluster."""
    networks: list[CidrBlock] = []
    """Addresses of the bucket and of STS (the subnets of VPC endpoints). Left out, pods may reach any public address on
    port 443."""
    delivery: Delivery = ByTriton(kind="triton")
    engines: S3Engines | None = None
    """Who builds TensorRT engines. Left out, none are built."""


class S3Compatible(Strict):
    """A bucket of another S3 than AWS's: MinIO, Ceph, R2 and their kin. Pods fetch and verify what they serve."""

    kind: Literal["s3-compatible"]
    endpoint: Annotated[
        str,
        Field(pattern=r"^https?://[a-z0-9.-]+(:[1-9][0-9]{0,4})?$", examples=["https://minio.acme.example:9000"]),
    ]
    """Where it answers. Buckets are parts of the path."""
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    prefix: Prefix | None = None
    region: str = "us-east-1"
    """What requests are signed for; most such stores take any."""
    credentials: Name
    """A Secret in the namespace, which you make, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of a reader."""
    networks: Annotated[list[CidrBlock], Field(min_length=1), Distinct()]
    """Addresses of the endpoint: pods may connect to nothing else on its port."""
    delivery: Annotated[Fetched | OnVolume, Field(discriminator="kind")] = Fetched(kind="fetched")
    engines: S3CompatibleEngines | None = None
    """Who builds TensorRT engines. Left out, none are built."""


class Gs(Strict):
    """A Google Cloud Storage bucket, read with the pod's workload identity."""

    kind: Literal["gs"]
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$")]
    prefix: Prefix | None = None
    service_account: Annotated[str, Field(pattern=r"^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$")] | None = None
    """The Google service account that may read the bucket. Left out, the Kubernetes service account itself is
    the principal (Workload Identity Federation)."""
    networks: list[CidrBlock] = []
    """Addresses of the bucket, such as 199.36.153.8/30 where DNS sends storage.googleapis.com to
    private.googleapis.com. Left out, pods may reach any public address on port 443."""
    delivery: Delivery = ByTriton(kind="triton")
    engines: GsEngines | None = None
    """Who builds TensorRT engines. Left out, none are built."""


class Claim(Strict):
    """A volume that is already filled, through its PersistentVolumeClaim; always mounted read-only."""

    kind: Literal["claim"]
    claim: Name


class ImageVolume(Strict):
    """An OCI image or artifact for each server, mounted as a volume (Kubernetes 1.35 and newer)."""

    kind: Literal["image"]
    repository: Registry
    digests: dict[Name, ImageDigest]
    """The artifact of each server, as `oras push` or your build printed it."""


class NodePath(Strict):
    """A directory of the node, through a local PersistentVolume of ours: for stack `local`."""

    kind: Literal["node-path"]
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$")]
    size: Memory = Memory(2**30)


Destination = Annotated[S3 | S3Compatible | Gs | Claim | ImageVolume | NodePath, Field(discriminator="kind")]


class Signing(Strict):
    """Who may publish models. `tritonup models`, and pods that fetch, refuse what none of these keys has signed."""

    trusted: Annotated[dict[Name, PublicKey], Field(min_length=1)]
    """Public keys by a name of yours. Two at once let one follow the other."""
    revoked: list[KeyFingerprint] = []
    """Keys that are trusted no more. What they signed is refused, with its reason."""


class ModelRepository(Strict):
    directory: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]+$")] = "model_repository"
    """Where planning reads the models, from the project's folder."""
    destination: Destination
    """Where servers read them, each at `<destination>/<server>/<content digest>/`."""
    signing: Signing | None = None
    """Left out, nothing can be published or verified: `tritonup models` and pods that fetch need to know whom to
    trust."""
    versions: State = Presence.NONE
    """The kind ModelVersion in the cluster, of which the stack makes an object for each model and version that a server
    serves. `install`: this stack makes the kind too, which asks for the right to make CustomResourceDefinitions.
    `present`: somebody applied what `tritonup models definition` prints. `none`: there are no such objects."""
