"""Who reaches the models' bucket from an EKS cluster, and the bucket itself where it is made with the cluster.

Every server reads its own part of it and nothing else, by a role of its own; so do the Jobs that build engines, which
also write where engines lie. A role has a fixed name, so that its ARN is known before it is made: a rendering and a
stack that runs on this cluster name it.

To list by prefix is a right that can be given for a prefix. HeadBucket is the same right (`s3:ListBucket`) without one,
and Triton asks for it before anything else (`S3FileSystem::CheckClient` and `IsDirectory`, triton-inference-server/core
src/filesystem/implementations/s3.h); without it S3 also answers 403 where an object is not there, and not 404
(docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html). Whoever has it could list the names of all objects, but
read none: so pods that fetch do not get it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from planning.clusters.eks_names import cluster_name, role_arn, role_name
from planning.derived import Derived
from planning.engines.built import FOLDER
from planning.engines.orders import BUILDER, SOURCES
from planning.settings.cluster import Eks, described
from planning.settings.eks import MadeS3Bucket
from planning.settings.repository import S3, ByTriton
from planning.settings.root import Settings
from planning.volumes import reader_account


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRole:
    """What the ServiceAccount `account` of `namespace` is to AWS. It reads below `reads` and puts objects below
    `writes`, prefixes with their final slash. `finds`: why it may ask whether the bucket, or an object, is there; None
    where it may not."""

    account: str
    namespace: str
    name: str
    arn: str
    reads: Derived[tuple[str, ...]]
    writes: Derived[tuple[str, ...]] | None
    finds: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBucket:
    """Objects that were replaced or deleted are kept for `keep_days`. `protected`: the engine refuses to delete it."""

    keep_days: int
    protected: Derived[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsInS3:
    """`bucket` lies in `region`. `key` is the ARN of the KMS key that encrypts it: where there is none, one is made for
    a bucket that is made, and S3's own encrypts one that is there."""

    bucket: str
    region: str
    made: NewBucket | None
    key: str | None
    roles: tuple[ModelRole, ...]


def plan_models_in_s3(settings: Settings, cluster: Eks) -> ModelsInS3 | None:
    """None where models come from elsewhere than S3."""
    destination = settings.model_repository.destination
    if not isinstance(destination, S3):
        return None
    wanted = cluster.model_bucket
    return ModelsInS3(
        bucket=destination.bucket,
        region=destination.region,
        made=NewBucket(
            keep_days=wanted.keep,
            protected=Derived(cluster.deletion == "refused", f"cluster.deletion is {cluster.deletion}"),
        )
        if isinstance(wanted, MadeS3Bucket)
        else None,
        key=wanted.key,
        roles=tuple(_roles(settings, cluster, destination)),
    )


def made_role(settings: Settings, account: str) -> str | None:
    """The ARN of the role that is made for the ServiceAccount `account`; None where none is: the stack file names one,
    or there is nothing to make it with."""
    cluster = described(settings.cluster)
    models = plan_models_in_s3(settings, cluster) if isinstance(cluster, Eks) else None
    return next((role.arn for role in models.roles if role.account == account), None) if models else None


def _roles(settings: Settings, cluster: Eks, destination: S3) -> Iterator[ModelRole]:
    above = f"{destination.prefix}/" if destination.prefix else ""
    by_triton = isinstance(destination.delivery, ByTriton)
    for server in settings.servers if destination.role is None else ():
        yield _role(
            settings,
            cluster,
            reader_account(settings.model_repository, server),
            reads=Derived((f"{above}{server}/",), f"{server} reads <destination>/{server}/<content digest>/"),
            finds="Triton asks whether the bucket is there before it lists" if by_triton else None,
        )
    if destination.engines is not None and destination.engines.role is None:
        engines = f"{above}{FOLDER}/"
        yield _role(
            settings,
            cluster,
            BUILDER,
            reads=Derived((f"{above}{SOURCES}/", engines), "it builds from the one, and reads back what it wrote"),
            writes=Derived((engines,), "engines are published there, each under its key"),
            finds="an engine that is not there yet is told from one that may not be read",
        )


def _role(
    settings: Settings,
    cluster: Eks,
    account: str,
    *,
    reads: Derived[tuple[str, ...]],
    finds: str | None,
    writes: Derived[tuple[str, ...]] | None = None,
) -> ModelRole:
    name = role_name(cluster_name(settings, cluster).value, cluster.region, f"models-{account}")
    return ModelRole(
        account=account,
        namespace=settings.namespace,
        name=name,
        arn=role_arn(cluster, name),
        reads=reads,
        writes=writes,
        finds=finds,
    )
