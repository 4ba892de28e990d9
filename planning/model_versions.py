"""What a server serves, as the cluster is told of it: a ModelVersion for each model and version of its digest.

They are a record, and nothing acts on them: pods are told what they serve by their own arguments. Their kind is of this
project's own group; ICANN keeps the name `internal` from being anybody's (Board resolution 2024.07.29.06).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum

from planning.repository.digest import content_digest
from planning.repository.model import Model, Version
from planning.repository.served import ServedSet
from planning.storage import ImageSource, Storage

GROUP, VERSION = "tritonup.internal", "v1alpha1"
KIND, PLURAL, SINGULAR = "ModelVersion", "modelversions", "modelversion"
API_VERSION = f"{GROUP}/{VERSION}"
DEFINITION = f"{PLURAL}.{GROUP}"
"""The name of their CustomResourceDefinition."""

SHORT = 12
"""Digits of the repository digest in a name: 48 bits, of the few digests that one server has had."""

SHORT_FILES = 8
"""Digits of the files' digest behind it, where two models of a server would have one name."""


INSTANCE = "app.kubernetes.io/instance"
"""Label of a pod: its server."""

MODELS_DIGEST = "tritonup/models-digest"
"""Annotation of a pod: the repository digest of what it was given."""


class Phase(StrEnum):
    """How far a version has come, seen from its pods."""

    PLANNED = "Planned"
    """No pod has been given it."""
    DELIVERING = "Delivering"
    """Pods wait for it, or are fetching it."""
    DELIVERED = "Delivered"
    """It is in a pod, which does not serve yet."""
    SERVING = "Serving"
    """A pod that is Ready serves it."""
    FAILED = "Failed"
    """No pod serves it, and one has ended with an error or cannot start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """Version `number` of `model` in what `server` serves. Digests are SHA-256 (hex): `repository` of all that the
    server serves, which its pods name; `files_digest` of this version's own `files`, the model's config among them,
    which are `bytes` long. `source`: where pods read them."""

    name: str
    server: str
    model: str
    number: int
    repository: str
    files_digest: str
    files: int
    bytes: int
    source: str


def plan_model_versions(server: str, served: ServedSet, storage: Storage) -> tuple[ModelVersion, ...]:
    """In the order in which the models are served. Their names are unlike within a namespace: `server` is in them."""
    source = _source(server, served, storage)
    found = [
        _version(server, model, version, served.digest, source) for model in served.models for version in model.served
    ]
    count = Counter(one.name for one in found)
    return tuple(
        replace(one, name=f"{one.name}-{one.files_digest[:SHORT_FILES]}") if count[one.name] > 1 else one
        for one in found
    )


def _version(server: str, model: Model, version: Version, repository: str, source: str) -> ModelVersion:
    files = (*model.files, *version.files)
    return ModelVersion(
        name=f"{server}-{_in_a_name(model.name)}-{version.number}-{repository[:SHORT]}",
        server=server,
        model=model.name,
        number=version.number,
        repository=repository,
        files_digest=content_digest((f"{model.name}/{file.path.as_posix()}", file.sha256) for file in files),
        files=len(files),
        bytes=sum(file.size for file in files),
        source=f"{source}/{model.name}",
    )


def _in_a_name(model: str) -> str:
    """A model's name as part of an object's: `A_b.c` and `a-b-c` become one, which the caller tells apart."""
    return re.sub(r"[_.]", "-", model.lower())


def _source(server: str, served: ServedSet, storage: Storage) -> str:
    if storage.bucket is not None:
        return f"{storage.bucket.url}/{server}/{served.digest}"
    if isinstance(storage.source, ImageSource):
        return storage.source.reference
    return storage.repository.value
