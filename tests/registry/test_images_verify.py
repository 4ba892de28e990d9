"""`tritonup images verify` against a real registry."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result
from loopback_registry import RunningRegistry, sha256
from typer.testing import CliRunner

from cli.images import app
from planning.images import (
    Confirmed,
    ImageLock,
    Published,
    RegistryAnswer,
    Unconfirmed,
    render_image_lock,
)

pytestmark = pytest.mark.registry


@pytest.fixture
def locked(registry: RunningRegistry, request: pytest.FixtureRequest) -> Published:
    """An image of two platforms in a repository of this test's own, as the lock should have it."""
    path = f"verify/{request.node.name.replace('_', '-')}"
    digest, platforms = registry.push_two_platforms(path, "1.0", note="one")
    seen = RegistryAnswer(url=f"http://{registry.host}/v2/{path}/manifests/1.0", on=date(2026, 11, 21))
    evidence = Confirmed(digest=digest, kind="index", platforms=platforms, seen=(seen,))
    return Published(name="triton", repository=f"{registry.host}/{path}", tag="1.0", evidence=evidence)


def verify(folder: Path, *images: Published, json_output: bool = True) -> Result:
    lock = folder / "lock.json"
    lock.write_text(render_image_lock(ImageLock(images=images)))
    arguments = ["verify", "--plain-http", "--lock", str(lock), *(["--json"] if json_output else [])]
    return CliRunner().invoke(app, arguments)


def states(result: Result) -> dict[str, str]:
    return {image["image"]: image["state"] for image in json.loads(result.stdout)["images"]}


def confirmed(image: Published) -> Confirmed:
    assert isinstance(image.evidence, Confirmed)
    return image.evidence


def path_of(image: Published) -> str:
    return image.repository.partition("/")[2]


def test_a_lock_that_says_what_the_registry_says_passes(locked: Published, tmp_path: Path) -> None:
    result = verify(tmp_path, locked)
    assert result.exit_code == 0, result.output
    assert states(result) == {"triton:1.0": "same"}


def test_a_moved_tag_is_a_difference_and_the_old_digests_fate_is_told(
    locked: Published, registry: RunningRegistry, tmp_path: Path
) -> None:
    moved, _platforms = registry.push_two_platforms(path_of(locked), "1.0", note="another build")
    result = verify(tmp_path, locked)
    assert result.exit_code == 1
    [image] = json.loads(result.stdout)["images"]
    assert image == {
        "image": "triton:1.0",
        "state": "moved",
        "locked": confirmed(locked).digest,
        "found": moved,
        "note": "the locked digest can still be pulled",
    }
    registry.delete(path_of(locked), confirmed(locked).digest)
    [image] = json.loads(verify(tmp_path, locked).stdout)["images"]
    assert image["note"] == "the locked digest can no longer be pulled"


def test_a_deleted_tag_is_a_difference(locked: Published, registry: RunningRegistry, tmp_path: Path) -> None:
    registry.delete(path_of(locked), confirmed(locked).digest)
    result = verify(tmp_path, locked)
    assert (result.exit_code, states(result)) == (1, {"triton:1.0": "gone"})


def test_a_wrong_platform_digest_under_the_right_index_is_a_difference(locked: Published, tmp_path: Path) -> None:
    wrong = {**confirmed(locked).platforms, "linux/amd64": "sha256:" + "0" * 64}
    result = verify(tmp_path, replace(locked, evidence=replace(confirmed(locked), platforms=wrong)))
    assert (result.exit_code, states(result)) == (1, {"triton:1.0": "differs"})
    assert "linux/amd64: the lock says sha256:000" in result.stdout


def test_a_wrong_kind_or_a_platform_too_many_is_a_difference(locked: Published, tmp_path: Path) -> None:
    known = confirmed(locked)
    wrong_kind = replace(locked, evidence=replace(known, kind="manifest"))
    too_many = replace(locked, evidence=replace(known, platforms={**known.platforms, "linux/s390x": None}))
    for image, note in [
        (wrong_kind, "kind: the lock says manifest, it is index"),
        (too_many, "linux/s390x: the lock has it, the image is for linux/amd64, linux/arm64"),
    ]:
        result = verify(tmp_path, image)
        assert (result.exit_code, states(result)) == (1, {"triton:1.0": "differs"})
        assert json.loads(result.stdout)["images"][0]["note"] == note


def test_what_the_lock_does_not_know_is_no_difference(locked: Published, tmp_path: Path) -> None:
    partly = replace(confirmed(locked), kind="unknown", platforms={"linux/amd64": None})
    result = verify(tmp_path, replace(locked, evidence=partly))
    assert (result.exit_code, states(result)) == (0, {"triton:1.0": "same"})


def test_an_unconfirmed_image_is_shown_with_the_digest_that_update_would_write(
    locked: Published, tmp_path: Path
) -> None:
    result = verify(tmp_path, replace(locked, evidence=Unconfirmed(why="Nobody looked.")))
    assert result.exit_code == 0
    [image] = json.loads(result.stdout)["images"]
    assert (image["state"], image["locked"]) == ("unconfirmed", None)
    assert image["found"] == confirmed(locked).digest


def test_tampered_bytes_are_no_answer(locked: Published, registry: RunningRegistry, tmp_path: Path) -> None:
    stored = registry.stored(confirmed(locked).digest)
    stored.write_bytes(stored.read_bytes().replace(b"arm64", b"arm65"))
    result = verify(tmp_path, locked)
    assert (result.exit_code, states(result)) == (2, {"triton:1.0": "failed"})


def test_an_unreachable_registry_outweighs_a_difference(
    locked: Published, registry: RunningRegistry, tmp_path: Path
) -> None:
    registry.push_two_platforms(path_of(locked), "1.0", note="another build")
    elsewhere = replace(locked, name="other", repository="127.0.0.1:9/other")
    result = verify(tmp_path, locked, elsewhere)
    assert result.exit_code == 2
    assert states(result) == {"other:1.0": "failed", "triton:1.0": "moved"}


def test_dockers_own_media_types_are_read_as_well_as_ocis(registry: RunningRegistry, tmp_path: Path) -> None:
    path, docker = "verify/docker-types", "application/vnd.docker.distribution.manifest"
    config = b'{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}'
    registry.push_blob(path, config)
    descriptor = {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": len(config),
        "digest": sha256(config),
    }
    manifest = {"schemaVersion": 2, "mediaType": f"{docker}.v2+json", "config": descriptor, "layers": []}
    child = registry.put_manifest(path, "child", manifest)
    item = {
        "mediaType": f"{docker}.v2+json",
        "size": len(json.dumps(manifest)),
        "digest": child,
        "platform": {"os": "linux", "architecture": "amd64"},
    }
    index = {"schemaVersion": 2, "mediaType": f"{docker}.list.v2+json", "manifests": [item]}
    digest = registry.put_manifest(path, "1.0", index)
    seen = RegistryAnswer(url=f"http://{registry.host}/v2/{path}/manifests/1.0", on=date(2026, 11, 21))
    evidence = Confirmed(digest=digest, kind="index", platforms={"linux/amd64": child}, seen=(seen,))
    image = Published(name="docker", repository=f"{registry.host}/{path}", tag="1.0", evidence=evidence)
    result = verify(tmp_path, image)
    assert (result.exit_code, states(result)) == (0, {"docker:1.0": "same"})


def test_the_table_shows_state_and_digest_without_a_terminal(locked: Published, tmp_path: Path) -> None:
    result = verify(tmp_path, locked, json_output=False)
    assert result.exit_code == 0
    assert "same" in result.stdout
    assert confirmed(locked).digest.removeprefix("sha256:")[:12] in result.stdout
    assert "\x1b[" not in result.output
