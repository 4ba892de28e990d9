"""A destination in an object store, and who its readers and writers are to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from planning.clusters.eks_models import made_role
from planning.engines.orders import BUILDER
from planning.settings.repository import S3, Gs, GsEngines, S3Compatible, S3CompatibleEngines, S3Engines
from planning.settings.root import Settings
from planning.volumes import reader_account

ROLE = "eks.amazonaws.com/role-arn"
"""The annotation by which a ServiceAccount names its IAM role (Amazon EKS user guide, "Assign IAM roles to Kubernetes
service accounts")."""

GOOGLE_ACCOUNT = "iam.gke.io/gcp-service-account"
"""The annotation by which a ServiceAccount names the Google service account that it acts as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudIdentity:
    """The pod proves to the cloud who it is, as `annotations` of its service account say."""

    annotations: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretKeys:
    """The Secret `name` has the keys of a reader of the bucket."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A destination in an object store: `url` is the whole of it. `endpoint` is where another S3 than AWS's answers;
    `networks` are its addresses, any public one where there are none."""

    url: str
    scheme: str
    region: str | None
    endpoint: str | None
    access: CloudIdentity | SecretKeys
    networks: tuple[str, ...]

    @property
    def port(self) -> int:
        scheme, _, place = (self.endpoint or "https://").partition("://")
        stated = place.partition(":")[2]
        return int(stated) if stated else 80 if scheme == "http" else 443

    @property
    def identity(self) -> dict[str, str] | None:
        """Annotations of a ServiceAccount by which the cloud gives its pods an identity, where there are some; there is
        no Kubernetes token in them."""
        return dict(self.access.annotations) or None if isinstance(self.access, CloudIdentity) else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the Secrets that pods read to reach it."""
        return (self.access.name,) if isinstance(self.access, SecretKeys) else ()


def readers_bucket(settings: Settings, server: str) -> Bucket | None:
    """The destination with the identity of who reads `server`'s models; None where it is no bucket."""
    match settings.model_repository.destination:
        case S3() | S3Compatible() | Gs() as at:
            return _bucket(at, made_role(settings, reader_account(settings.model_repository, server)))
        case _:
            return None


def builders_bucket(settings: Settings) -> Bucket | None:
    """The destination with the identity of whoever builds engines; None where nobody does."""
    match settings.model_repository.destination:
        case S3(engines=S3Engines() as engines) as at:
            access = _identified(ROLE, engines.role or made_role(settings, BUILDER))
        case S3Compatible(engines=S3CompatibleEngines() as engines) as at:
            access = SecretKeys(name=engines.credentials)
        case Gs(engines=GsEngines() as engines) as at:
            access = _identified(GOOGLE_ACCOUNT, engines.service_account)
        case _:
            return None
    return replace(_bucket(at, None), access=access)


def _bucket(at: S3 | S3Compatible | Gs, made: str | None) -> Bucket:
    """`made`: the role that is made for who reads it, where `at` names none."""
    match at:
        case S3():
            scheme, access = "s3", _identified(ROLE, at.role or made)
        case S3Compatible():
            scheme, access = "s3", SecretKeys(name=at.credentials)
        case Gs():
            scheme, access = "gs", _identified(GOOGLE_ACCOUNT, at.service_account)
    return Bucket(
        url=f"{scheme}://{at.bucket}/{at.prefix}" if at.prefix else f"{scheme}://{at.bucket}",
        scheme=scheme,
        region=None if isinstance(at, Gs) else at.region,
        endpoint=at.endpoint if isinstance(at, S3Compatible) else None,
        access=access,
        networks=tuple(at.networks),
    )


def _identified(annotation: str, who: str | None) -> CloudIdentity:
    return CloudIdentity(annotations=((annotation, who),) if who else ())
