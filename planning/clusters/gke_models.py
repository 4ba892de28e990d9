"""Who may read the models' bucket: every server its own folder, and nothing else.

A server's pod is the Kubernetes service account of its name, and with Workload Identity Federation that account is a
principal of Google Cloud itself. It gets two roles:

- `roles/storage.objectViewer` on a managed folder, which is the server's own prefix. A condition on object names
  would not do, because Triton lists (`ListObjects` with the prefix), and listing is a right on the bucket; on a
  managed folder it is a right on the folder (cloud.google.com/storage/docs/managed-folders).
- `roles/storage.bucketViewer` on the bucket: Triton asks for the bucket's metadata before anything else
  (`GCSFileSystem::IsDirectory` calls `GetBucketMetadata`: triton-inference-server/core src/filesystem/
  implementations/gcs.h), which objectViewer does not allow. It shows no object and no other folder's names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.server import PlannedServer
from planning.settings.cluster import Gke
from planning.settings.gke import MadeBucket
from planning.settings.repository import Gs
from planning.settings.root import Settings
from planning.volumes import reader_account

OBJECT_ROLE = "roles/storage.objectViewer"
BUCKET_ROLE = "roles/storage.bucketViewer"
IMPERSONATION_ROLE = "roles/iam.workloadIdentityUser"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadsFolder:
    """`account` is the Kubernetes service account in `namespace` that reads `server`'s models; `folder`, with its final
    slash, is where they are."""

    server: str
    account: str
    namespace: str
    folder: Derived[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBucket:
    """Replaced objects are kept for `keep_days`."""

    keep_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsAccess:
    """`google_account`: whom the pods act as, where the bucket's owner gave the right to read to a Google service
    account; None where they act as themselves, and get the right here."""

    bucket: str
    made: NewBucket | None
    google_account: Derived[str] | None
    readers: tuple[ReadsFolder, ...]


def plan_models_access(settings: Settings, cluster: Gke, servers: Sequence[PlannedServer]) -> ModelsAccess | None:
    """None where models come from elsewhere than Google Cloud Storage."""
    gs = settings.model_repository.destination
    if not isinstance(gs, Gs):
        return None
    prefix = f"{gs.prefix}/" if gs.prefix else ""
    bucket = cluster.model_bucket
    return ModelsAccess(
        bucket=gs.bucket,
        made=NewBucket(keep_days=bucket.keep) if isinstance(bucket, MadeBucket) else None,
        google_account=Derived(gs.service_account, "model_repository.destination.service_account names it")
        if gs.service_account
        else None,
        readers=tuple(
            ReadsFolder(
                server=server.name,
                account=reader_account(settings.model_repository, server.name),
                namespace=settings.namespace,
                folder=Derived(
                    f"{prefix}{server.name}/", f"{server.name} reads <destination>/{server.name}/<content digest>/"
                ),
            )
            for server in servers
        ),
    )
