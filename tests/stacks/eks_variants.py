"""Stack prod's EKS cluster under other settings of each kind, recorded once for each process that runs tests."""

from __future__ import annotations

from functools import cache
from typing import Any

from recorded_eks import RecordedEks, prod_eks, recorded_eks

from tests.unit.planning.world import SIGNING

PUBLIC = {"kind": "public", "allow": ["203.0.113.0/24", "198.51.100.7/32"]}
KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b"
MODELS_KEY = "arn:aws:kms:us-east-1:123456789012:key/2c3d"
READERS = "arn:aws:iam::123456789012:role/inference-models-read"
BUCKET = "arn:aws:s3:::acme-inference-prod-models"


def _public(raw: dict[str, Any]) -> None:
    raw["cluster"]["endpoint"] = PUBLIC


def _autoscaled(raw: dict[str, Any]) -> None:
    raw["controllers"]["karpenter"] = "none"


def _own_key(raw: dict[str, Any]) -> None:
    raw["cluster"]["key"] = KEY


def _given(raw: dict[str, Any]) -> None:
    """Everything is there already: a bucket with its key, and who may read it."""
    raw["cluster"]["model_bucket"] = {"kind": "existing", "key": MODELS_KEY}
    raw["model_repository"]["destination"]["role"] = READERS


def _building(raw: dict[str, Any]) -> None:
    """Engines are built, by who is made for it, and pods fetch what they serve."""
    raw["model_repository"]["signing"] = SIGNING
    raw["images"]["registry"] = "registry.example/acme"
    raw["model_repository"]["destination"] |= {"engines": {}, "delivery": {"kind": "fetched"}}
    raw["cluster"]["model_bucket"] = {"kind": "made", "key": MODELS_KEY}


def _drivers(raw: dict[str, Any]) -> None:
    raw["cluster"]["volumes"] = ["ebs", "efs", "fsx"]


EDITS = {
    "prod": None,
    "public": _public,
    "autoscaled": _autoscaled,
    "own-key": _own_key,
    "drivers": _drivers,
    "given": _given,
    "building": _building,
}


@cache
def variant(name: str) -> RecordedEks:
    edit = EDITS[name]
    return prod_eks() if edit is None else recorded_eks(edit)
