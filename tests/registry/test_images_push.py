"""`tritonup images push` against a real registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from loopback_registry import RunningRegistry
from typer.testing import CliRunner

from cli.images import app
from local.cluster.image_archive import PackedImage, layer, pack
from planning.images import Built, Confirmed, ImageLock, Unconfirmed, load_image_lock, render_image_lock
from planning.release import PROGRAMS_IMAGE, PROGRAMS_TAG

pytestmark = pytest.mark.registry


def packed(folder: Path, content: str) -> PackedImage:
    """As our programs are packed, only smaller."""
    (folder / "tree").mkdir(parents=True, exist_ok=True)
    (folder / "tree" / "program").write_text(content)
    name = f"localhost/{PROGRAMS_IMAGE}:{PROGRAMS_TAG}"
    return pack(name, [layer([(folder / "tree", "")], folder / "layer")], {"User": "65532"}, folder / "image.tar")


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackedImage:
    one = packed(tmp_path / "image", "one")
    monkeypatch.setattr("cli.images_build.programs_image", lambda *_, newest: one)
    return one


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    built = Built(
        name=PROGRAMS_IMAGE,
        repository=PROGRAMS_IMAGE,
        tag=PROGRAMS_TAG,
        platforms=("linux/amd64",),
        evidence=Unconfirmed(why="Nobody pushed it."),
    )
    path = tmp_path / "lock.json"
    path.write_text(render_image_lock(ImageLock(images=(built,))))
    return path


def run(command: str, lock: Path, registry: str, *more: str) -> Result:
    arguments = [command, "--plain-http", "--lock", str(lock), "--registry", registry, *more]
    return CliRunner().invoke(app, arguments)


def test_what_was_packed_is_what_the_registry_serves_and_what_the_lock_names(
    registry: RunningRegistry, image: PackedImage, lock: Path
) -> None:
    place = f"{registry.host}/push/whole"
    result = run("push", lock, place)
    assert result.exit_code == 0, result.output
    assert f"{place}/{PROGRAMS_IMAGE}:{PROGRAMS_TAG}@{image.digest}" in result.stdout
    served = registry.http.get(
        f"/v2/push/whole/{PROGRAMS_IMAGE}/manifests/{image.digest}",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
    ).raise_for_status()
    for part in (*served.json()["layers"], served.json()["config"]):
        blob = registry.http.get(f"/v2/push/whole/{PROGRAMS_IMAGE}/blobs/{part['digest']}").raise_for_status()
        assert len(blob.content) == part["size"]
    entry = load_image_lock(lock.read_text()).find(PROGRAMS_IMAGE, PROGRAMS_TAG)
    assert entry is not None
    assert isinstance(entry.evidence, Confirmed)
    assert entry.evidence.digest == image.digest
    assert entry.evidence.platforms == {"linux/amd64": image.digest}
    assert run("verify", lock, place, "--json").exit_code == 0


def test_pushed_again_it_leaves_the_lock_as_it_is(registry: RunningRegistry, image: PackedImage, lock: Path) -> None:
    place = f"{registry.host}/push/again"
    assert run("push", lock, place).exit_code == 0
    before = lock.read_bytes()
    again = run("push", lock, place, "--json")
    assert json.loads(again.stdout)["lock_written"] is False
    assert lock.read_bytes() == before


def test_a_registry_that_is_not_there_leaves_the_lock_as_it_is(image: PackedImage, lock: Path) -> None:
    before = lock.read_bytes()
    result = run("push", lock, "127.0.0.1:9/acme", "--timeout", "5")
    assert result.exit_code == 1
    assert "127.0.0.1:9 cannot be reached" in result.stderr
    assert lock.read_bytes() == before
