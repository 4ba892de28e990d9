"""What runs is named by a digest that somebody saw."""

from __future__ import annotations

from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import RELEASES, Raw, image_lock, planned, planned_with, vision

DIGEST = f"sha256:{'e' * 64}"
OWN = {"repository": "registry.example/own/triton", "digest": DIGEST}


@for_every_stack
def test_every_image_beyond_this_machine_has_a_digest_of_the_lock(raw: Raw) -> None:
    known = {digest for image in image_lock().images if (digest := getattr(image.evidence, "digest", None))}
    for server in planned(raw).servers:
        assert raw["cluster"]["kind"] == "local" or server.image.value.digest in known


def test_a_mirror_serves_the_same_digest() -> None:
    plain, mirrored = (
        vision(planned_with(change)).image.value for change in ({}, {"images": {"mirror": "mirror.example/all"}})
    )
    assert mirrored.digest == plain.digest
    assert mirrored.repository == f"mirror.example/all/{plain.repository}"


def test_an_image_of_ones_own_goes_by_its_own_digest_past_lock_and_mirror() -> None:
    changes = {"servers.vision.image": OWN, "images": {"mirror": "mirror.example/all"}}
    image = vision(planned_with(changes)).image.value
    assert image.by_digest == f"{OWN['repository']}@{DIGEST}"


def test_a_release_has_the_digest_of_its_own_tag() -> None:
    digests = [vision(planned_with({"servers.vision.release": release})).image.value.digest for release in RELEASES]
    assert len(set(digests)) == len(RELEASES)
