"""Models that pods fetch: from where, by whom, with room and time for them, and nothing without keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.buckets import SecretKeys
from planning.catalogue import CATALOGUE
from planning.images import ImageLock
from planning.plan import Plan
from planning.planner import plan
from planning.release import PROGRAMS_IMAGE
from planning.settings.quantities import Memory
from planning.storage import SCRATCH_LEAST, FetchedSource
from tests.unit.planning.world import (
    FETCHED,
    GKE,
    MINIO,
    Raw,
    edited,
    heavier,
    ids,
    image_lock,
    planned_with,
    repository,
    settings_of,
    vision,
)

IN_MEMORY: Raw = {**FETCHED, "model_repository.destination.delivery": {"kind": "fetched", "onto": "memory"}}
FROM_MINIO: Raw = {**{key: FETCHED[key] for key in FETCHED if "delivery" not in key}}
BY_TRITON: Raw = {}


def fetched(made: Plan) -> FetchedSource:
    source = vision(made).storage.source
    assert isinstance(source, FetchedSource)
    return source


def from_minio(**more: object) -> Plan:
    return planned_with({**FROM_MINIO, "model_repository.destination": {**MINIO, **more}})


def test_triton_reads_what_the_fetcher_brings_by_the_digest_that_was_planned() -> None:
    made = planned_with(FETCHED)
    server = vision(made)
    assert made.findings == ()
    assert server.storage.repository.value == f"/models/vision/{server.served.digest}"
    assert fetched(made).bucket.url == "s3://models"
    assert fetched(made).image.value.digest
    assert fetched(made).image.value in server.images


@given(st.integers(0, 2**42))
def test_there_is_room_for_every_byte_and_time_to_fetch_it(size: int) -> None:
    made = planned_with(FETCHED, heavier("digits", size))
    server, plain = vision(made), vision(planned_with(BY_TRITON, heavier("digits", size)))
    assert fetched(made).room.value.bytes > size
    assert server.storage.disk.bytes > size
    assert server.storage.scratch.value == SCRATCH_LEAST
    assert server.startup.fetch.value >= size // (125 * 2**20)  # what a gp3 volume writes at the most
    for lane in server.lanes:
        waited = server.startup.fetch.value + server.startup.budget.value
        assert lane.patience.progress_deadline.value >= waited
    assert plain.startup.fetch.value == 0


@given(st.integers(0, 2**36))
def test_models_in_memory_count_as_the_pods_memory_and_not_as_disk(size: int) -> None:
    on_disk, in_memory = (vision(planned_with(changes, heavier("digits", size))) for changes in (FETCHED, IN_MEMORY))
    assert in_memory.needs.host.value - on_disk.needs.host.value == in_memory.storage.in_memory.bytes > size
    assert in_memory.storage.disk == SCRATCH_LEAST
    assert on_disk.storage.in_memory == Memory(0)


def test_another_s3_is_reached_at_its_own_port_and_addresses_with_the_keys_of_a_secret_and_nowhere_else() -> None:
    made = from_minio()
    assert fetched(made).bucket.access == SecretKeys(name="models-reader")
    out = [one for one in vision(made).network if one.direction == "out" and "models" in one.because]
    assert [(one.ports, [peer.cidr for peer in one.peers]) for one in out] == [  # type: ignore[union-attr]
        ((("TCP", 9000),), ["10.9.0.0/24"])
    ]
    assert not [one for one in vision(made).network if "proves" in one.because]


@pytest.mark.parametrize(("endpoint", "port"), [("https://s3.example", 443), ("http://s3.example", 80)])
def test_an_endpoint_without_a_port_has_its_schemes(endpoint: str, port: int) -> None:
    assert fetched(from_minio(endpoint=endpoint)).bucket.port == port


def test_what_proves_to_the_cloud_who_it_is_may_go_where_that_is_asked() -> None:
    changes = {**FETCHED, "cluster": GKE, "model_repository.destination": {"kind": "gs", "bucket": "models"}}
    for delivery in ({"kind": "fetched"}, {"kind": "triton"}):
        made = planned_with({**changes, "model_repository.destination.delivery": delivery})
        assert [one for one in vision(made).network if "proves" in one.because]


def test_an_image_that_nobody_pushed_is_refused_with_the_command_that_pushes_it() -> None:
    without = ImageLock(images=tuple(one for one in image_lock().images if one.name != PROGRAMS_IMAGE))
    made = plan(settings_of(edited(FETCHED)), repository(), CATALOGUE, without)
    assert ids(made.findings) == ["TU701"]
    assert "tritonup images push --registry registry.example/acme" in made.findings[0].fix
    assert made.servers == ()


def test_a_stack_whose_pods_fetch_nothing_needs_no_image_of_ours() -> None:
    made = planned_with({})
    assert made.findings == ()
    assert all("tritonup" not in str(image) for image in vision(made).images)
