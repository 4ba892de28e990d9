from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.images import (
    Built,
    Confirmed,
    ImageLock,
    ImageLockError,
    ImageRef,
    PublicFile,
    Published,
    RegistryAnswer,
    Unconfirmed,
    image_lock,
    load_image_lock,
    render_image_lock,
)

digests = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda value: f"sha256:{value}")
words = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
tags = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,10}", fullmatch=True)
platforms = st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7"])
sightings = st.one_of(
    st.builds(RegistryAnswer, url=words.map(lambda word: f"https://{word}.example/v2/x/manifests/1"), on=st.dates()),
    st.builds(
        PublicFile,
        repository=words,
        path=words,
        commit=st.text("0123456789abcdef", min_size=40, max_size=40),
        on=st.none() | st.dates(),
        shows=st.text(min_size=1),
    ),
)
evidence = st.one_of(
    st.builds(Unconfirmed, why=st.text(min_size=1)),
    st.builds(
        Confirmed,
        digest=digests,
        kind=st.sampled_from(["index", "manifest", "unknown"]),
        platforms=st.dictionaries(platforms, st.none() | digests),
        seen=st.lists(sightings, min_size=1, max_size=3).map(tuple),
    ),
)


@st.composite
def locks(draw: st.DrawFn) -> ImageLock:
    images: list[Published | Built] = []
    for name in draw(st.lists(words, unique=True, max_size=4)):
        made = draw(
            st.one_of(
                st.builds(
                    Published, name=st.just(name), repository=st.just(f"r.example/{name}"), tag=tags, evidence=evidence
                ),
                st.builds(
                    Built,
                    name=st.just(name),
                    repository=st.just(name),
                    tag=tags,
                    platforms=st.tuples(platforms),
                    evidence=evidence,
                ),
            )
        )
        images += [replace(made, tag=tag) for tag in draw(st.lists(tags, min_size=1, max_size=3, unique=True))]
    lock = ImageLock(images=())
    for image in draw(st.permutations(images)):
        lock = lock.holding(image)
    return lock


@given(locks())
def test_a_lock_survives_being_written_and_read(lock: ImageLock) -> None:
    assert load_image_lock(render_image_lock(lock)) == lock


@given(locks(), st.data())
def test_replacing_one_entry_leaves_the_others_lines_alone(lock: ImageLock, data: st.DataObject) -> None:
    if not lock.images:
        return
    old = data.draw(st.sampled_from(lock.images))
    new = replace(old, evidence=data.draw(evidence))
    after = lock.holding(new)
    assert [image for image in after.images if image != new] == [image for image in lock.images if image != old]
    assert after.find(old.name, old.tag) == new


@given(locks(), st.randoms())
def test_the_order_of_the_file_does_not_matter(lock: ImageLock, random: Any) -> None:
    written = json.loads(render_image_lock(lock))
    random.shuffle(written["images"])
    assert render_image_lock(load_image_lock(json.dumps(written))) == render_image_lock(lock)


def test_the_packaged_lock_is_written_as_update_would_write_it() -> None:
    from cli.lock_file import PACKAGED_LOCK

    assert render_image_lock(image_lock()) == PACKAGED_LOCK.read_text(encoding="utf-8")


def test_every_packaged_digest_has_a_source_that_a_reader_can_open() -> None:
    for image in image_lock().images:
        if isinstance(image.evidence, Confirmed):
            for sighting in image.evidence.seen:
                if isinstance(sighting, PublicFile):
                    assert re.fullmatch(r"github\.com/[\w.-]+/[\w.-]+", sighting.repository)
                else:
                    assert sighting.url.startswith(f"https://{image.repository.split('/')[0]}/v2/")


def test_no_packaged_index_shares_its_digest_with_a_platforms_manifest() -> None:
    for image in image_lock().images:
        if isinstance(image.evidence, Confirmed) and image.evidence.kind == "index":
            assert image.evidence.digest not in image.evidence.platforms.values()


def test_the_packaged_lock_pins_what_the_stacks_run() -> None:
    for name, tag in [("triton", "26.08-py3"), ("device-plugin", "v0.20.0")]:
        image = image_lock().find(name, tag)
        assert isinstance(image, Published)
        assert image.ref.pinned.startswith(f"nvcr.io/nvidia/{image.repository.rsplit('/', 1)[1]}:{tag}@sha256:")


def test_the_lock_is_importable_as_a_constant_and_read_once() -> None:
    from planning import images

    assert images.IMAGE_LOCK is image_lock()
    with pytest.raises(AttributeError, match="IMAGE_LOCKS"):
        _ = images.IMAGE_LOCKS  # type: ignore[attr-defined]


def entry(**changed: object) -> dict[str, object]:
    base: dict[str, object] = {
        "origin": "published",
        "name": "x",
        "repository": "r.example/x",
        "tag": "1",
        "evidence": {"status": "unconfirmed", "why": "y"},
    }
    return base | changed


def lock_text(*entries: object, **top: object) -> str:
    return json.dumps({"version": 1, "images": list(entries)} | top)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<<<<<<< ours\n", "it is not JSON"),
        ("[]", "the lock: the entry: Input should be an object"),
        (lock_text(version=2), "version: Input should be 1, not 2."),
        (lock_text(3), "images[0]: the entry: Input should be an object"),
        (lock_text(entry(origin="rented")), "images[0] (x:1): the entry: Input tag 'rented'"),
        (lock_text(entry(tag="a b")), "images[0] (x:a b): tag: String should match"),
        (lock_text(entry(repository="x")), "images[0] (x:1): repository: String should match"),
        (lock_text(entry(repository="https://r.example/x")), "repository: String should match"),
        (lock_text(entry(digest="sha256:0")), "images[0] (x:1): digest: Unexpected"),
        (lock_text(entry(evidence={"status": "unconfirmed"})), "evidence.why: Field required."),
        (
            lock_text(
                entry(evidence={"status": "confirmed", "digest": "abc", "kind": "index", "platforms": {}, "seen": []})
            ),
            "evidence.digest: String should match pattern '^sha256:[0-9a-f]{64}$', not 'abc'.",
        ),
        (
            lock_text(
                entry(evidence={"status": "confirmed", "digest": "abc", "kind": "index", "platforms": {}, "seen": []})
            ),
            "evidence.seen: Tuple should have at least 1 item",
        ),
        (lock_text(entry(), entry()), "x:1: is there twice. Keep one entry."),
        (lock_text(entry(), entry(tag="2", repository="r.example/y")), "x:2: is published in 'r.example/y', but x:1"),
    ],
)
def test_a_broken_lock_is_refused_with_the_image_and_the_field(text: str, expected: str) -> None:
    with pytest.raises(ImageLockError) as refused:
        load_image_lock(text)
    assert expected in str(refused.value)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(ImageLockError) as refused:
        load_image_lock(lock_text(entry(tag="a b"), entry(name="Y", tag="2")))
    assert len(str(refused.value).splitlines()) == 2


DIGEST = "sha256:" + "ab" * 32


def test_a_reference_is_pinned_by_its_digest_and_never_pretends_to_be() -> None:
    ref = ImageRef(repository="nvcr.io/nvidia/x", tag="1", digest=DIGEST)
    assert ref.pinned == str(ref) == f"nvcr.io/nvidia/x:1@{DIGEST}"
    assert ref.by_digest == f"nvcr.io/nvidia/x@{DIGEST}"
    loose = replace(ref, digest=None)
    assert str(loose) == "nvcr.io/nvidia/x:1"
    for unpinned in ("pinned", "by_digest"):
        with pytest.raises(ValueError, match=r"nvcr\.io/nvidia/x:1 has no digest"):
            getattr(loose, unpinned)


@given(digest=st.none() | digests, mirror=words)
def test_a_mirror_changes_the_place_and_not_the_content(digest: str | None, mirror: str) -> None:
    ref = ImageRef(repository="nvcr.io/nvidia/x", tag="1", digest=digest)
    through = ref.through(f"{mirror}.example/proxy")
    assert through.repository == f"{mirror}.example/proxy/nvcr.io/nvidia/x"
    assert (through.tag, through.digest) == (ref.tag, ref.digest)
    assert ref.through(None) == ref
