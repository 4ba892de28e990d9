"""Who reaches the models' bucket: every server its own folder, the builder of engines theirs, and nothing else.

A server's pod is the Kubernetes service account of its name, and with Workload Identity Federation that account is a
principal of Google Cloud itself. It gets two roles:

- `roles/storage.objectViewer` on a managed folder, which is the server's own prefix. A condition on object names
  would not do, because Triton lists (`ListObjects` with the prefix), and listing is a right on the bucket; on a
  managed folder it is a right on the folder (cloud.google.com/storage/docs/managed-folders).
- `roles/storage.bucketViewer` on the bucket: Triton asks for the bucket's metadata before anything else
  (`GCSFileSystem::IsDirectory` calls `GetBucketMetadata`: triton-inference-server/core src/filesystem/
  implementations/gcs.h), which objectViewer does not allow. It shows no object and no other folder's names.

The builder of engines reads what they are built from, and reads and adds engines (`roles/storage.objectCreator`, which
cannot replace or delete an object: cloud.google.com/storage/docs/access-control/iam-roles). It never asks for the
bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from planning.derived import Derived
from planning.engines.built import FOLDER
from planning.engines.orders import BUILDER, SOURCES
from planning.settings.cluster import Gke
from planning.settings.gke import MadeBucket
from planning.settings.repository import Gs
from planning.settings.root import Settings
from planning.volumes import reader_account

READS = "roles/storage.objectViewer"
ADDS = "roles/storage.objectCreator"
BUCKET_ROLE = "roles/storage.bucketViewer"
IMPERSONATION_ROLE = "roles/iam.workloadIdentityUser"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedFolder:
    """The folder `path`, with its final slash, and the roles on it. `name` is its own among those of the bucket."""

    name: str
    path: Derived[str]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsUser:
    """The Kubernetes service account `account` in `namespace`. `google_account`: whom it acts as, where the bucket's
    owner gave the rights to a Google service account; None where it acts as itself, and gets them here. `asks`: it asks
    for the bucket's own metadata."""

    account: str
    namespace: str
    google_account: Derived[str] | None
    folders: tuple[UsedFolder, ...]
    asks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBucket:
    """Replaced objects are kept for `keep_days`."""

    keep_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsAccess:
    bucket: str
    made: NewBucket | None
    users: tuple[ModelsUser, ...]


def plan_models_access(settings: Settings, cluster: Gke) -> ModelsAccess | None:
    """None where models come from elsewhere than Google Cloud Storage."""
    gs = settings.model_repository.destination
    if not isinstance(gs, Gs):
        return None
    bucket = cluster.model_bucket
    return ModelsAccess(
        bucket=gs.bucket,
        made=NewBucket(keep_days=bucket.keep) if isinstance(bucket, MadeBucket) else None,
        users=tuple(_users(settings, gs)),
    )


def _users(settings: Settings, gs: Gs) -> Iterator[ModelsUser]:
    above = f"{gs.prefix}/" if gs.prefix else ""
    for server in settings.servers:
        why = f"{server} reads <destination>/{server}/<content digest>/"
        yield ModelsUser(
            account=reader_account(settings.model_repository, server),
            namespace=settings.namespace,
            google_account=_named(gs.service_account, "service_account"),
            folders=(UsedFolder(name=server, path=Derived(f"{above}{server}/", why), roles=(READS,)),),
            asks=True,
        )
    if gs.engines is not None:
        yield ModelsUser(
            account=BUILDER,
            namespace=settings.namespace,
            google_account=_named(gs.engines.service_account, "engines.service_account"),
            folders=(
                UsedFolder(name=SOURCES, path=Derived(f"{above}{SOURCES}/", "it builds from them"), roles=(READS,)),
                UsedFolder(
                    name=FOLDER,
                    path=Derived(f"{above}{FOLDER}/", "engines are published there, each under its key"),
                    roles=(READS, ADDS),
                ),
            ),
            asks=False,
        )


def _named(account: str | None, field: str) -> Derived[str] | None:
    return Derived(account, f"model_repository.destination.{field} names it") if account else None
