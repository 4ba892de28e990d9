"""The bytes that were checked are the bytes that are served."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.buckets import CloudIdentity
from planning.storage import SCRATCH_LEAST
from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import Raw, changed, heavier, planned, planned_with, repository, vision

DESTINATIONS: dict[str, Raw] = {
    "s3": {"kind": "s3", "bucket": "models", "region": "eu-west-1"},
    "gs": {"kind": "gs", "bucket": "models", "prefix": "triton"},
    "claim": {"kind": "claim", "claim": "filled"},
    "node-path": {"kind": "node-path", "path": "/var/models"},
}
by_path = pytest.mark.parametrize("kind", DESTINATIONS)


def place(kind: str, models: object = None) -> str:
    made = planned_with({"model_repository.destination": DESTINATIONS[kind]}, models or repository())  # type: ignore[arg-type]
    return vision(made).storage.repository.value


@for_every_stack
def test_a_server_has_a_place_of_its_own_named_by_what_it_holds(raw: Raw) -> None:
    servers = planned(raw).servers
    if raw["model_repository"]["destination"]["kind"] != "image":
        for server in servers:
            assert server.storage.repository.value.endswith(f"/{server.name}/{server.served.digest}")
        places = [server.storage.repository.value for server in servers]
        assert len(set(places)) == len(places)


@by_path
def test_the_place_changes_with_the_content_of_a_served_model(kind: str) -> None:
    assert place(kind) != place(kind, changed("digits"))


@by_path
def test_the_place_stays_when_anything_else_changes(kind: str) -> None:
    """Another model of the repository, or the folder that the repository lies in."""
    elsewhere = dataclasses.replace(repository(), root=Path("elsewhere"))
    assert place(kind) == place(kind, changed("topics")) == place(kind, elsewhere)


def test_an_artifact_is_named_by_the_digest_that_its_push_printed() -> None:
    digest = f"sha256:{'4' * 64}"
    image = {"kind": "image", "repository": "registry.example/models", "digests": {"vision": digest}}
    storage = vision(planned_with({"model_repository.destination": image})).storage
    assert getattr(storage.source, "reference", None) == f"registry.example/models@{digest}"


def test_the_url_has_the_bucket_and_the_prefix() -> None:
    assert place("s3").startswith("s3://models/vision/")
    assert place("gs").startswith("gs://models/triton/vision/")


@pytest.mark.parametrize(
    ("destination", "annotation"),
    [
        ({**DESTINATIONS["s3"], "role": "arn:aws:iam::123456789012:role/read"}, "eks.amazonaws.com/role-arn"),
        (
            {**DESTINATIONS["gs"], "service_account": "read@acme.iam.gserviceaccount.com"},
            "iam.gke.io/gcp-service-account",
        ),
    ],
)
def test_the_identity_that_may_read_the_bucket_is_the_pods(destination: Raw, annotation: str) -> None:
    bucket = vision(planned_with({"model_repository.destination": destination})).storage.bucket
    assert bucket is not None
    assert isinstance(bucket.access, CloudIdentity)
    assert [key for key, _ in bucket.access.annotations] == [annotation]


@given(st.integers(0, 2**40))
def test_models_that_are_copied_from_a_bucket_have_room_in_tmp_and_mounted_ones_need_none(size: int) -> None:
    for kind, destination in DESTINATIONS.items():
        made = planned_with({"model_repository.destination": destination}, heavier("digits", size))
        scratch = vision(made).storage.scratch.value
        assert scratch.bytes >= SCRATCH_LEAST.bytes + size if kind in {"s3", "gs"} else scratch == SCRATCH_LEAST


def test_a_stated_size_of_tmp_is_taken() -> None:
    assert str(vision(planned_with({"servers.vision.resources.scratch": "9Gi"})).storage.scratch.value) == "9Gi"
