"""Where a server reads its models: always `<destination>/<server>/<content digest>/`.

Planning reads a directory and a server reads a destination. The digest in the path ties the two: a server that
starts cannot find anything but what was checked, and with --model-control-mode=none it loads exactly that.
"""

from __future__ import annotations

from dataclasses import dataclass

from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.settings.cluster import described
from planning.settings.repository import S3, Claim, Gs, ImageVolume, ModelRepository, NodePath
from planning.settings.root import Settings
from planning.settings.scalars import Memory

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
    """Triton reads the bucket itself, as `identity` (annotations of the service account)."""

    url: str
    scheme: str
    region: str | None
    identity: tuple[tuple[str, str], ...]
    networks: tuple[str, ...]


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


ROLE = "eks.amazonaws.com/role-arn"
"""The annotation by which a ServiceAccount names its IAM role (Amazon EKS user guide, "Assign IAM roles to Kubernetes
service accounts")."""

Source = BucketSource | ClaimSource | ImageSource | NodePathSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """`repository` is the value of Triton's --model-repository; `scratch` the size of /tmp."""

    source: Source
    repository: Derived[str]
    scratch: Derived[Memory]


def plan_storage(
    settings: Settings, server: str, digest: str, total_bytes: int
) -> tuple[Storage | None, tuple[Finding, ...]]:
    """Where `server` reads the models whose content is `digest`."""
    source = _source(settings.model_repository, settings, server, digest)
    if isinstance(source, Finding):
        return None, (source,)
    findings = _image_volumes(settings) if isinstance(source, ImageSource) else ()
    tied = "the digest names the very bytes that were checked"
    at = source.url if isinstance(source, BucketSource) else source.path
    return Storage(
        source=source, repository=Derived(at, tied), scratch=_scratch(settings, server, source, total_bytes)
    ), (findings)


def _source(repository: ModelRepository, settings: Settings, server: str, digest: str) -> Source | Finding:
    below = f"{server}/{digest}"
    match repository.destination:
        case S3() as s3:
            path = f"{s3.bucket}/{s3.prefix}/{below}" if s3.prefix else f"{s3.bucket}/{below}"
            return BucketSource(
                url=f"s3://{path}",
                scheme="s3",
                region=s3.region,
                identity=((ROLE, s3.role),) if s3.role else (),
                networks=tuple(s3.networks),
            )
        case Gs() as gs:
            path = f"{gs.bucket}/{gs.prefix}/{below}" if gs.prefix else f"{gs.bucket}/{below}"
            account = gs.service_account
            return BucketSource(
                url=f"gs://{path}",
                scheme="gs",
                region=None,
                identity=(("iam.gke.io/gcp-service-account", account),) if account else (),
                networks=tuple(gs.networks),
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
