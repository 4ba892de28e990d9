"""Where a server reads its models: always `<destination>/<server>/<content digest>/`.

Planning reads a directory and a server reads a destination. The digest in the path ties the two: a server that
starts cannot find anything but what was checked, and with --model-control-mode=none it loads exactly that.
"""

from __future__ import annotations

from dataclasses import dataclass

from planning.buckets import Bucket, readers_bucket
from planning.derived import Derived
from planning.fetching import Onto, delivery_of, plan_fetch_time, plan_room
from planning.findings import Finding, Rule, Severity, setting
from planning.images import ImageRef
from planning.repository.served import ServedSet
from planning.settings.cluster import described
from planning.settings.quantities import Memory
from planning.settings.repository import (
    S3,
    Claim,
    Fetched,
    Gs,
    ImageVolume,
    ModelRepository,
    NodePath,
    OnVolume,
    S3Compatible,
)
from planning.settings.root import Settings
from planning.volumes import plan_claim, plan_fill_time

MOUNT = "/models"
"""Where a volume of models is mounted in the container, always read-only."""

SCRATCH_LEAST = Memory(256 * 2**20)

SCRATCH_MARGIN = 1.2
"""Of what Triton copies from a bucket into /tmp before it loads it (server docs, model_repository.md, "Cloud
Storage": the repository is copied to a local temporary folder)."""

NO_ARTIFACT = Rule("TU120", Severity.ERROR, "With image volumes every server has its artifact's digest")
IMAGE_VOLUMES_TOO_NEW = Rule("TU904", Severity.ERROR, "The cluster's Kubernetes can mount images as volumes")

IMAGE_VOLUMES_SINCE = (1, 35)
"""Kubernetes mounts images as volumes by default from 1.35 on (KEP-4639; a feature gate, off by default, in
1.31 to 1.34)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSource:
    """Triton reads the bucket itself, at `url`."""

    bucket: Bucket
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedSource:
    """An init container of `image` brings the models to `path` in a volume of the pod, which is `room` large, within
    `seconds`."""

    bucket: Bucket
    path: str
    onto: Onto
    room: Derived[Memory]
    seconds: Derived[int]
    image: Derived[ImageRef]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledSource:
    """A claim that Jobs fill, of which Triton sees `folder` alone, at `path`. An init container of `image` waits until
    it is there, whole and signed, for `seconds` at the most."""

    claim: str
    folder: str
    path: str
    seconds: Derived[int]
    image: Derived[ImageRef]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSource:
    """A PersistentVolumeClaim that is there; `path` is the repository's path inside the mount."""

    claim: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSource:
    """An OCI artifact, mounted whole."""

    reference: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePathSource:
    """A directory of the node behind a PersistentVolume and claim of ours."""

    volume: str
    claim: str
    node_path: str
    size: Memory
    path: str


Source = BucketSource | FetchedSource | FilledSource | ClaimSource | ImageSource | NodePathSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """`repository` is the value of Triton's --model-repository; `scratch` the size of /tmp."""

    source: Source
    repository: Derived[str]
    scratch: Derived[Memory]

    @property
    def disk(self) -> Memory:
        """What a pod may fill of its node's disk, beside logs."""
        match self.source:
            case FetchedSource(onto="disk", room=room):
                return Memory(self.scratch.value.bytes + room.value.bytes)
            case _:
                return self.scratch.value

    @property
    def in_memory(self) -> Memory:
        """What of a pod's memory holds the models' files."""
        match self.source:
            case FetchedSource(onto="memory", room=room):
                return room.value
            case _:
                return Memory(0)

    @property
    def bucket(self) -> Bucket | None:
        """Where the pod connects to for its models."""
        return self.source.bucket if isinstance(self.source, BucketSource | FetchedSource) else None


def plan_storage(
    settings: Settings, server: str, served: ServedSet, programs: Derived[ImageRef] | None
) -> tuple[Storage | None, tuple[Finding, ...]]:
    """Where `server` reads what it serves. `programs`: the image of the fetcher, if it could be planned; without it
    nothing can be fetched, which has been said."""
    source = _source(settings.model_repository, settings, server, served, programs)
    if source is None or isinstance(source, Finding):
        return None, (source,) if source else ()
    findings = _image_volumes(settings) if isinstance(source, ImageSource) else ()
    tied = "the digest names the very bytes that were checked"
    at = source.url if isinstance(source, BucketSource) else source.path
    return Storage(
        source=source, repository=Derived(at, tied), scratch=_scratch(settings, server, source, served.total_bytes)
    ), (findings)


def _source(
    repository: ModelRepository,
    settings: Settings,
    server: str,
    served: ServedSet,
    programs: Derived[ImageRef] | None,
) -> Source | Finding | None:
    below = f"{server}/{served.digest}"
    match repository.destination:
        case S3() | S3Compatible() | Gs():
            bucket = readers_bucket(settings, server)
            assert bucket is not None, "each of these is one"
            match delivery_of(repository):
                case None:
                    return BucketSource(bucket=bucket, url=f"{bucket.url}/{below}")
                case _ if programs is None:
                    return None
                case Fetched(onto=onto):
                    return FetchedSource(
                        bucket=bucket,
                        path=f"{MOUNT}/{below}",
                        onto=onto,
                        room=plan_room(served),
                        seconds=plan_fetch_time(served),
                        image=programs,
                    )
                case OnVolume(storage=storage):
                    return FilledSource(
                        claim=plan_claim(settings.namespace, storage).name,
                        folder=below,
                        path=f"{MOUNT}/{below}",
                        seconds=plan_fill_time(served),
                        image=programs,
                    )
        case Claim(claim=claim):
            return ClaimSource(claim=claim, path=f"{MOUNT}/{below}")
        case ImageVolume(repository=image, digests=digests):
            if server not in digests:
                return Finding(
                    rule=NO_ARTIFACT,
                    at=setting(f"model_repository.destination.digests.{server}"),
                    what="is missing.",
                    fix=f"Push the models of {server!r} to {image} and write the digest that the push printed.",
                )
            return ImageSource(reference=f"{image}@{digests[server]}", path=MOUNT)
        case NodePath(path=path, size=size):
            return NodePathSource(
                volume=f"{settings.namespace}-models",
                claim="models",
                node_path=path,
                size=size,
                path=f"{MOUNT}/{below}",
            )


def _scratch(settings: Settings, server: str, source: Source, total_bytes: int) -> Derived[Memory]:
    if (stated := settings.servers[server].resources.scratch) is not None:
        return Derived(stated, "resources.scratch says so")
    if not isinstance(source, BucketSource):
        return Derived(SCRATCH_LEAST, "models are mounted, so /tmp holds little")
    need = Memory.mebibytes(total_bytes * SCRATCH_MARGIN / 2**20)
    because = f"Triton copies {Memory(total_bytes).readable()} of models into /tmp before it loads them"
    return Derived(max(SCRATCH_LEAST, Memory(SCRATCH_LEAST.bytes + need.bytes)), because)


def _image_volumes(settings: Settings) -> tuple[Finding, ...]:
    cluster = described(settings.cluster)
    major, minor = (int(part) for part in cluster.kubernetes.split("."))
    if (major, minor) >= IMAGE_VOLUMES_SINCE:
        return ()
    return (
        Finding(
            rule=IMAGE_VOLUMES_TOO_NEW,
            at=setting("model_repository.destination.kind"),
            what=f"'image' needs Kubernetes {'.'.join(map(str, IMAGE_VOLUMES_SINCE))}, the cluster has"
            f" {cluster.kubernetes}.",
            fix="Upgrade the cluster, or choose another destination.",
        ),
    )
