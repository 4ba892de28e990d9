"""The model repository: the directory that planning reads, and the place that servers read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planning.settings.base import Strict
from planning.settings.images import Registry
from planning.settings.keys import KeyFingerprint, PublicKey
from planning.settings.scalars import CidrBlock, ImageDigest, Memory, Name

Prefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9!_.-]+(/[A-Za-z0-9!_.-]+)*$", examples=["triton/models"])]


class S3(Strict):
    """An S3 bucket. Triton reads it itself, with the identity of the pod's service account."""

    kind: Literal["s3"]
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    prefix: Prefix | None = None
    region: str
    role: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$")] | None = None
    """The IAM role that may read the bucket (IRSA), where the cluster is not made by this stack."""
    networks: list[CidrBlock] = []
    """Addresses of the bucket and of STS (the subnets of VPC endpoints). Left out, pods may reach any public address on
    port 443."""


class Gs(Strict):
    """A Google Cloud Storage bucket. Triton reads it itself, with the pod's workload identity."""

    kind: Literal["gs"]
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$")]
    prefix: Prefix | None = None
    service_account: Annotated[str, Field(pattern=r"^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$")] | None = None
    """The Google service account that may read the bucket. Left out, the Kubernetes service account itself is
    the principal (Workload Identity Federation)."""
    networks: list[CidrBlock] = []
    """Addresses of the bucket, such as 199.36.153.8/30 where DNS sends storage.googleapis.com to
    private.googleapis.com. Left out, pods may reach any public address on port 443."""


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


Destination = Annotated[S3 | Gs | Claim | ImageVolume | NodePath, Field(discriminator="kind")]


class Signing(Strict):
    """Who may publish models. `tritonup models` refuses what none of these keys has signed."""

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
    """Left out, nothing can be published or verified: `tritonup models` needs to know whom to trust."""
