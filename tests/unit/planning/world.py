"""A small model repository, an image lock and a stack that plans without a finding: what tests of planning start
from. Everything is made once and held in memory; planning opens no file."""

from __future__ import annotations

import copy
import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

from planning.catalogue import CATALOGUE, Catalogue
from planning.catalogue.quotas import ALL_REGIONS, GOOGLE, google_quota
from planning.engines.built import Accuracy, BuiltEngine
from planning.engines.needed import NeededEngine
from planning.findings import Finding
from planning.headroom import TAG as PAUSE_TAG
from planning.images import Built, Confirmed, ImageLock, Published, RegistryAnswer, Unconfirmed
from planning.karpenter import IMAGE as KARPENTER_IMAGE
from planning.karpenter import TAG as KARPENTER_TAG
from planning.plan import Plan
from planning.planner import plan
from planning.profiles.checks import profiled_digest
from planning.profiles.file import Profile, written
from planning.prometheus import TAGS as OF_PROMETHEUS
from planning.prometheus_adapter import IMAGE as ADAPTER_IMAGE
from planning.prometheus_adapter import TAG as ADAPTER_TAG
from planning.release import PROGRAMS_IMAGE, PROGRAMS_TAG, PROXY_TAG
from planning.repository.model import Model, Repository
from planning.repository.reader import read_repository
from planning.server import PlannedServer
from planning.settings.reading import read_settings
from planning.settings.root import Settings
from tests.profiles import measured, profile
from tests.repositories import RepositoryBuilder, engine_config, identity_config

MIB = 2**20

Raw = dict[str, Any]
"""`tritonup:settings` as YAML holds them."""

RELEASES = ("26.07", "26.08", "26.10")
"""Secure releases that the lock below has a digest of. The digests are of no image: they are 64 times one digit."""

BATCHING = "dynamic_batching { max_queue_delay_microseconds: 30000 }\n"
WAITING = "patient"
"""The model whose requests may wait 30 ms for a batch."""

PRIORITIES = "dynamic_batching { priority_levels: 2 default_priority_level: 2 }\n"
RANKED = "ranked"
"""The model whose requests have priorities."""

ON_GPU = "instance_group [ { kind: KIND_GPU } ]\n"
BOUND = "bound"
"""The model that asks for a GPU."""

CACHING = "response_cache { enable: true }\n"
CACHED = "cached"
"""The model whose answers may be given again."""

OUTDATED, OLDER, COUNTED = "outdated", "older", "counted"
"""Models with a profile on the GPUs below: one of other bytes, one of release 26.07, one of three instances."""

ONNX_MODELS = ("digits", "topics", WAITING, RANKED)
CODE = "tokens"
"""A Python model."""
ENSEMBLE = "sentences"
ENGINE = "digits_trt"
"""A TensorRT model without its engine."""
EACH = "digits_each"
"""Another one, with a file for each of two compute capabilities."""
FILES = 'cc_model_filenames [ { key: "8.6" value: "sm86.plan" }, { key: "8.9" value: "sm89.plan" } ]\n'
SERVABLE = (*ONNX_MODELS, CODE, ENSEMBLE)


@cache
def repository() -> Repository:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        builder = RepositoryBuilder(root)
        builder.onnx("digits").onnx("topics").onnx(WAITING, identity_config(WAITING, more=BATCHING))
        builder.onnx(RANKED, identity_config(RANKED, more=PRIORITIES)).onnx(BOUND, identity_config(BOUND, more=ON_GPU))
        builder.python(CODE).ensemble(ENSEMBLE, [CODE, "topics"])
        builder.engine(ENGINE, "", engine_config(ENGINE, "digits/1/model.onnx"))
        builder.engine(EACH, "", engine_config(EACH, "digits/1/model.onnx") + FILES)
        builder.onnx(OUTDATED).onnx(OLDER).onnx(COUNTED).onnx(CACHED, identity_config(CACHED, more=CACHING))
        digest = profiled_digest(read_repository(root)[0].models[OLDER])
        of_three = profile(COUNTED, digest, of=(measured(3),))
        for one in (profile(OUTDATED), profile(OLDER, digest, release="26.07"), of_three):
            builder.files(one.model, {one.filename: written(one)})
        read, findings = read_repository(root)
    assert not findings, findings
    return read


def heavier(model: str, size: int) -> Repository:
    """The repository with `size` bytes of weights in `model`."""
    return _with(model, lambda file: replace(file, size=size))


def profiled(model: str, *profiles: Profile) -> Repository:
    """The repository with `profiles` of `model`, which are of its bytes."""
    present = repository()
    old = present.models[model]
    digest = profiled_digest(old)
    own = tuple(one.model_copy(update={"digest": digest}) for one in profiles)
    return replace(present, models={**present.models, model: replace(old, profiles=own)})


def changed(model: str) -> Repository:
    """The repository with other weights in `model`, of the same size."""
    return _with(model, lambda file: replace(file, sha256="0" * 64))


def recorded(*needed: NeededEngine) -> Repository:
    """The repository with these engines built, each of 1 MiB and of other bytes."""
    accuracy = Accuracy(questions=3, greatest_difference=0.0, share_of_tolerance=0.0)
    built = datetime(2026, 11, 27, tzinfo=UTC)
    engines = {
        one.key.name: BuiltEngine(
            key=one.key.digest,
            sha256=hashlib.sha256(one.key.name.encode()).hexdigest(),
            size=MIB,
            built=built,
            accuracy=accuracy,
        )
        for one in needed
    }
    return replace(repository(), engines=engines)


def _with(name: str, change: Callable[[Any], Any]) -> Repository:
    present = repository()
    old = present.models[name]
    served = tuple(replace(version, files=tuple(map(change, version.files))) for version in old.served)
    models: Mapping[str, Model] = {**present.models, name: replace(old, served=served)}
    return replace(present, models=models)


@cache
def image_lock() -> ImageLock:
    answer = RegistryAnswer(url="https://registry.example/v2/tritonserver", on=date(2026, 11, 21))
    confirmed = [
        Published(
            name="triton",
            repository="nvcr.io/nvidia/tritonserver",
            tag=f"{release}-py3",
            evidence=Confirmed(digest=f"sha256:{str(index) * 64}", kind="index", platforms={}, seen=(answer,)),
        )
        for index, release in enumerate(RELEASES)
    ]
    unknown = Unconfirmed(why="nobody looked")
    built = Built(
        name="tritonup-triton-cpu",
        repository="tritonup-triton-cpu",
        tag="24.10",
        platforms=("linux/amd64",),
        evidence=unknown,
    )
    proxy = Published(
        name="proxy",
        repository="docker.io/nginxinc/nginx-unprivileged",
        tag=PROXY_TAG,
        evidence=Confirmed(digest=f"sha256:{'9' * 64}", kind="index", platforms={}, seen=(answer,)),
    )
    programs = Built(
        name=PROGRAMS_IMAGE,
        repository=PROGRAMS_IMAGE,
        tag=PROGRAMS_TAG,
        platforms=("linux/amd64",),
        evidence=Confirmed(digest=f"sha256:{'7' * 64}", kind="manifest", platforms={}, seen=(answer,)),
    )
    pause = Published(
        name="pause",
        repository="registry.k8s.io/pause",
        tag=PAUSE_TAG,
        evidence=Confirmed(digest=f"sha256:{'8' * 64}", kind="index", platforms={}, seen=(answer,)),
    )
    karpenter = Published(
        name=KARPENTER_IMAGE,
        repository="public.ecr.aws/karpenter/controller",
        tag=KARPENTER_TAG,
        evidence=Confirmed(digest=f"sha256:{'6' * 64}", kind="index", platforms={}, seen=(answer,)),
    )
    prometheus = [
        Published(
            name=name,
            repository=f"quay.io/acme/{name}",
            tag=tag,
            evidence=Confirmed(digest=f"sha256:{'5' * 64}", kind="index", platforms={}, seen=(answer,)),
        )
        for name, tag in {**OF_PROMETHEUS, ADAPTER_IMAGE: ADAPTER_TAG}.items()
    ]
    unseen = Published(name="triton", repository="nvcr.io/nvidia/tritonserver", tag="26.09-py3", evidence=unknown)
    return ImageLock(images=(*confirmed, *prometheus, karpenter, programs, proxy, pause, unseen, built))


ROLE = "arn:aws:iam::123456789012:role/models-read"

SIGNING: Raw = {
    "trusted": {
        "ci": "-----BEGIN PUBLIC KEY-----\n"
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEktX6imASAuvuZegio/vjqeoe/kQW\n"
        "n0mikyYNPYSpod5F9+1S6cI2cqiTs8eMOLgXYxFIqYdfetzcJ01WrGkuqQ==\n"
        "-----END PUBLIC KEY-----\n"
    }
}
MINIO: Raw = {
    "kind": "s3-compatible",
    "endpoint": "https://minio.example:9000",
    "bucket": "models",
    "credentials": "models-reader",
    "networks": ["10.9.0.0/24"],
}
FETCHED: Raw = {
    "images.registry": "registry.example/acme",
    "model_repository.destination.delivery": {"kind": "fetched"},
    "model_repository.signing": SIGNING,
}
"""Changes of the stack below, whose pods then fetch and verify."""

ON_VOLUME: Raw = {
    **FETCHED,
    "model_repository.destination.delivery": {
        "kind": "volume",
        "storage": {"kind": "class", "name": "shared-files", "size": "1Ti"},
    },
}
"""Changes of the stack below, whose models then lie on a volume that Jobs fill."""

BUILDING: Raw = {
    "images.registry": "registry.example/acme",
    "model_repository.destination.engines": {"role": "arn:aws:iam::123456789012:role/builder"},
    "model_repository.signing": SIGNING,
}
"""Changes of the stack below, which then builds the engines that it lacks."""

STACK: Raw = {
    "cluster": {
        "kind": "existing",
        "kubernetes": "1.35",
        "pools": {
            "steady": {"labels": {"pool": "steady"}, "zones": ["a", "b"], "cpu": "16", "memory": "64Gi"},
            "cheap": {"labels": {"pool": "cheap"}, "notice": "30s", "cpu": "16", "memory": "64Gi"},
        },
    },
    "controllers": {
        "prometheus_operator": "present",
        "prometheus_adapter": "present",
        "nvidia_device_plugin": "present",
    },
    "gpu_pools": {
        "steady": {"gpu": "nvidia-l4", "capacity": "on-demand", "nodes": {"max": 4}},
        "cheap": {"gpu": "nvidia-l4", "capacity": "spot", "nodes": {"max": 4}},
    },
    "model_repository": {"destination": {"kind": "s3", "bucket": "models", "region": "us-east-1", "role": ROLE}},
    "servers": {
        "vision": {
            "kind": "triton",
            "release": "26.08",
            "models": ["digits"],
            "gpu": {"kind": "nvidia", "pools": ["steady", "cheap"]},
            "replicas": {"floor": 2, "ceiling": 4},
            "exposure": {"kind": "cluster", "callers": [{"namespace": "apps"}]},
            "resources": {"cpu": "2", "memory": "4Gi"},
            "drain": {"slowest_request": "10s"},
        }
    },
    "monitoring": {"kind": "prometheus-operator"},
    "security": {"python_models": [CODE]},
}
"""A floor of 2 on demand and 2 on spot above it. A test changes what it is about."""

GKE: Raw = {
    "kind": "gke",
    "project": "acme-inference",
    "region": "us-central1",
    "zones": ["us-central1-a", "us-central1-b"],
    "endpoint": {"kind": "private"},
    "spot_notice": "60s",
    "granted": {
        name: 1000
        for kind in GOOGLE
        for name in (google_quota(kind, "on-demand"), google_quota(kind, "spot"), ALL_REGIONS)
    },
}
EKS: Raw = {
    "kind": "eks",
    "account": "123456789012",
    "region": "us-east-1",
    "zones": ["us-east-1a", "us-east-1b"],
    "endpoint": {"kind": "private"},
    "access": [{"principal": "arn:aws:iam::123456789012:role/platform", "may": "administer"}],
    "granted": dict.fromkeys(("L-DB2E81BA", "L-3819A6DF", "L-417A185B", "L-7212CCBC", "L-C4BD4855"), 10000),
}


class Gone:
    """What `edited` leaves out."""


GONE = Gone()


def edited(changes: Mapping[str, Any], of: Raw = STACK) -> Raw:
    """`of` with `changes` by dotted path, as `{"servers.vision.gpu.count": 2}`; GONE takes a field out."""
    stack = copy.deepcopy(of)
    for path, value in changes.items():
        *outer, last = path.split(".")
        here: Raw = stack
        for part in outer:
            here = here.setdefault(part, {})
        if isinstance(value, Gone):
            del here[last]
        else:
            here[last] = copy.deepcopy(value)
    return stack


def settings_of(raw: Raw) -> Settings:
    read = read_settings(cast("Any", raw))
    assert isinstance(read, Settings), "\n".join(map(str, read))
    return read


def planned(raw: Raw, models: Repository | None = None, catalogue: Catalogue = CATALOGUE) -> Plan:
    return plan(settings_of(raw), models or repository(), catalogue, image_lock())


def planned_with(changes: Mapping[str, Any], models: Repository | None = None) -> Plan:
    return planned(edited(changes), models)


def vision(of: Plan) -> PlannedServer:
    return next(server for server in of.servers if server.name == "vision")


def ids(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.rule.id for finding in findings]
