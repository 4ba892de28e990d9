"""`tritonup images update` against a real registry."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result
from loopback_registry import OCI_INDEX, OCI_MANIFEST, RunningRegistry
from typer.testing import CliRunner

from cli.images import app
from planning.images import (
    Built,
    Confirmed,
    ImageLock,
    PublicFile,
    Published,
    RegistryAnswer,
    Unconfirmed,
    load_image_lock,
    render_image_lock,
)

pytestmark = pytest.mark.registry
UNKNOWN = Unconfirmed(why="Nobody looked.")


def published(name: str, repository: str, tag: str = "1.0") -> Published:
    return Published(name=name, repository=repository, tag=tag, evidence=UNKNOWN)


def write(path: Path, *images: Published | Built) -> Path:
    path.write_text(render_image_lock(ImageLock(images=images)))
    return path


def update(lock: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["update", "--plain-http", "--lock", str(lock), *arguments])


def entry(lock: Path, name: str, tag: str = "1.0") -> Published | Built:
    found = load_image_lock(lock.read_text()).find(name, tag)
    assert found is not None
    return found


def test_update_writes_the_digest_and_platforms_that_the_registry_serves(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    digest, platforms = registry.push_two_platforms("update/writes", "1.0", note="one")
    lock = write(tmp_path / "lock.json", published("triton", f"{registry.host}/update/writes"))
    result = update(lock)
    assert result.exit_code == 0, result.output
    evidence = entry(lock, "triton").evidence
    assert isinstance(evidence, Confirmed)
    assert (evidence.digest, evidence.kind, evidence.platforms) == (digest, "index", platforms)
    url = f"http://{registry.host}/v2/update/writes/manifests/1.0"
    assert evidence.seen == (RegistryAnswer(url=url, on=date.today()),)


def test_an_image_of_one_platform_is_a_manifest_and_tells_its_platform(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    digest = registry.push_image("update/single", "1.0", "linux/arm64", note="one")
    lock = write(tmp_path / "lock.json", published("triton", f"{registry.host}/update/single"))
    assert update(lock).exit_code == 0
    evidence = entry(lock, "triton").evidence
    assert isinstance(evidence, Confirmed)
    assert (evidence.digest, evidence.kind, evidence.platforms) == (digest, "manifest", {"linux/arm64": digest})


def test_what_was_not_asked_for_stays_byte_for_byte(registry: RunningRegistry, tmp_path: Path) -> None:
    registry.push_two_platforms("update/named", "1.0", note="one")
    asked = published("triton", f"{registry.host}/update/named")
    others = [published("other", "nvcr.io/nvidia/other"), published("another", "nvcr.io/nvidia/another")]
    lock = write(tmp_path / "lock.json", asked, *others)
    assert update(lock, "triton").exit_code == 0
    after = load_image_lock(lock.read_text())
    assert [after.find(other.name, other.tag) for other in others] == others
    assert lock.read_text() == render_image_lock(after)


def test_a_second_update_changes_nothing(registry: RunningRegistry, tmp_path: Path) -> None:
    registry.push_two_platforms("update/twice", "1.0", note="one")
    lock = write(tmp_path / "lock.json", published("triton", f"{registry.host}/update/twice"))
    assert update(lock).exit_code == 0
    before = lock.stat()
    again = update(lock)
    assert again.exit_code == 0
    assert "already" in again.stdout
    assert lock.stat().st_mtime_ns == before.st_mtime_ns


def test_an_update_keeps_the_files_mode(registry: RunningRegistry, tmp_path: Path) -> None:
    registry.push_two_platforms("update/mode", "1.0", note="one")
    lock = write(tmp_path / "lock.json", published("triton", f"{registry.host}/update/mode"))
    lock.chmod(0o640)
    assert update(lock).exit_code == 0
    assert lock.stat().st_mode & 0o777 == 0o640


def test_a_new_tag_of_a_known_image_is_added(registry: RunningRegistry, tmp_path: Path) -> None:
    digest, _platforms = registry.push_two_platforms("update/newer", "2.0", note="two")
    lock = write(tmp_path / "lock.json", published("triton", f"{registry.host}/update/newer"))
    assert update(lock, "triton:2.0").exit_code == 0
    evidence = entry(lock, "triton", "2.0").evidence
    assert isinstance(evidence, Confirmed)
    assert evidence.digest == digest
    assert entry(lock, "triton", "1.0").evidence == UNKNOWN


def test_a_built_image_is_resolved_in_the_users_registry_and_nowhere_else(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    digest = registry.push_image("acme/gpu/cpu-triton", "1.0", "linux/amd64", note="built")
    built = Built(name="cpu", repository="cpu-triton", tag="1.0", platforms=("linux/amd64",), evidence=UNKNOWN)
    lock = write(tmp_path / "lock.json", built)
    left_out = update(lock)
    assert left_out.exit_code == 0
    assert left_out.stdout == "cpu:1.0 was left out: you build it; --registry says where it is.\n"
    assert entry(lock, "cpu") == built
    assert update(lock, "--registry", f"{registry.host}/acme/gpu").exit_code == 0
    evidence = entry(lock, "cpu").evidence
    assert isinstance(evidence, Confirmed)
    assert evidence.digest == digest


def test_a_mirror_is_asked_for_the_upstream_repository_and_the_lock_keeps_that_name(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    digest, _platforms = registry.push_two_platforms("proxy/nvcr.io/nvidia/x", "1.0", note="mirrored")
    lock = write(tmp_path / "lock.json", published("triton", "nvcr.io/nvidia/x"))
    assert update(lock, "--mirror", f"{registry.host}/proxy").exit_code == 0
    image = entry(lock, "triton")
    assert isinstance(image, Published)
    assert image.ref.by_digest == f"nvcr.io/nvidia/x@{digest}"


def test_bytes_that_are_not_what_their_digest_says_are_refused(registry: RunningRegistry, tmp_path: Path) -> None:
    digest, _platforms = registry.push_two_platforms("update/tampered", "1.0", note="one")
    stored = registry.stored(digest)
    stored.write_bytes(stored.read_bytes().replace(b"arm64", b"arm65"))
    lock = write(tmp_path / "lock.json", published("triton", f"{registry.host}/update/tampered"))
    before = lock.read_bytes()
    result = update(lock)
    assert result.exit_code == 2
    assert f"calls 1.0 {digest}, but its bytes are sha256:" in result.stderr
    assert lock.read_bytes() == before


def test_a_changed_configuration_of_an_image_is_refused(registry: RunningRegistry, tmp_path: Path) -> None:
    digest = registry.push_image("update/tampered-config", "1.0", "linux/amd64", note="one")
    config = json.loads(registry.stored(digest).read_bytes())["config"]["digest"]
    stored = registry.stored(config)
    stored.write_bytes(stored.read_bytes().replace(b"amd64", b"arm64"))
    lock = write(tmp_path / "lock.json", published("triton", f"{registry.host}/update/tampered-config"))
    result = update(lock)
    assert result.exit_code == 2
    assert config in result.stderr
    assert entry(lock, "triton").evidence == UNKNOWN


def test_one_image_that_cannot_be_resolved_leaves_the_whole_lock_alone(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    registry.push_two_platforms("update/there", "1.0", note="one")
    there = published("triton", f"{registry.host}/update/there")
    missing = published("missing", f"{registry.host}/update/missing")
    lock = write(tmp_path / "lock.json", there, missing)
    before = lock.read_bytes()
    result = update(lock)
    assert result.exit_code == 2
    assert "missing:1.0" in result.stderr
    assert "no such image" in result.stderr
    assert lock.read_bytes() == before
    assert update(lock, "triton").exit_code == 0


def test_an_unreachable_registry_is_named_for_every_image_in_it(tmp_path: Path) -> None:
    one, two = published("one", "127.0.0.1:9/one"), published("two", "127.0.0.1:9/two")
    lock = write(tmp_path / "lock.json", one, two)
    before = lock.read_bytes()
    result = update(lock)
    assert result.exit_code == 2
    assert result.stderr.count("127.0.0.1:9 cannot be reached") == 2
    assert lock.read_bytes() == before


def test_a_registry_that_never_answers_is_given_up_and_not_asked_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        lock = write(tmp_path / "lock.json", published("one", f"{host}/one"), published("two", f"{host}/two"))
        result = update(lock, "--timeout", "0.2")
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert result.exit_code == 2
    assert f"{host} cannot be reached: it did not answer in 0.2 s." in result.stderr


def test_a_digest_from_elsewhere_gets_the_registrys_word(registry: RunningRegistry, tmp_path: Path) -> None:
    digest, platforms = registry.push_two_platforms("update/elsewhere", "1.0", note="one")
    file = PublicFile(repository="github.com/a/b", path="c", commit="0" * 40, on=None, shows="the digest")
    evidence = Confirmed(digest=digest, kind="index", platforms=platforms, seen=(file,))
    image = replace(published("triton", f"{registry.host}/update/elsewhere"), evidence=evidence)
    lock = write(tmp_path / "lock.json", image)
    result = update(lock, "--json")
    assert [change["why"] for change in json.loads(result.stdout)["changes"]] == ["now by the registry's word"]
    after = entry(lock, "triton").evidence
    assert isinstance(after, Confirmed)
    assert (after.digest, [type(sighting) for sighting in after.seen]) == (digest, [RegistryAnswer])


def test_every_64_bit_arm_is_one_platform(registry: RunningRegistry, tmp_path: Path) -> None:
    child = registry.push_image("update/arm", "child", "linux/arm64", note="one")
    size = registry.stored(child).stat().st_size
    arm = {"os": "linux", "architecture": "arm64", "variant": "v8"}
    item = {"mediaType": OCI_MANIFEST, "digest": child, "size": size, "platform": arm}
    registry.put_manifest("update/arm", "1.0", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [item]})
    lock = write(tmp_path / "lock.json", published("one", f"{registry.host}/update/arm"))
    assert update(lock).exit_code == 0
    evidence = entry(lock, "one").evidence
    assert isinstance(evidence, Confirmed)
    assert evidence.platforms == {"linux/arm64": child}


def test_an_index_of_nothing_is_for_no_platform(registry: RunningRegistry, tmp_path: Path) -> None:
    nothing = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    digest = registry.put_manifest("update/nothing", "1.0", nothing)
    lock = write(tmp_path / "lock.json", published("one", f"{registry.host}/update/nothing"))
    assert update(lock).exit_code == 0
    evidence = entry(lock, "one").evidence
    assert isinstance(evidence, Confirmed)
    assert (evidence.digest, evidence.platforms) == (digest, {})


@pytest.mark.parametrize("dies_at", ["os.fsync", "pathlib.Path.replace"])
def test_an_update_killed_while_writing_leaves_the_old_lock_whole(
    registry: RunningRegistry, tmp_path: Path, dies_at: str
) -> None:
    registry.push_two_platforms("update/killed", "1.0", note="one")
    lock = write(tmp_path / "lock.json", published("triton", f"{registry.host}/update/killed"))
    before = lock.read_bytes()
    module, _, attribute = dies_at.rpartition(".")
    program = (
        "import os, pathlib, signal\n"
        "from cli.images import app\n"
        f"{module}.{attribute} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"app(['update', '--plain-http', '--lock', {str(lock)!r}])\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], check=False, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL
    assert lock.read_bytes() == before
    assert update(lock).exit_code == 0
    assert isinstance(entry(lock, "triton").evidence, Confirmed)


def test_no_room_for_the_new_lock_is_told_and_leaves_nothing_behind(
    registry: RunningRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.push_two_platforms("update/full", "1.0", note="one")
    lock = write(tmp_path / "lock.json", published("triton", f"{registry.host}/update/full"))
    before = lock.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = update(lock)
    assert result.exit_code == 2
    assert f"{lock} cannot be written: No space left on device." in result.stderr.replace("\n", "")
    assert lock.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*lock.json*")] == ["lock.json"]


def test_json_holds_every_change_in_full(registry: RunningRegistry, tmp_path: Path) -> None:
    digest, _platforms = registry.push_two_platforms("update/json", "1.0", note="one")
    lock = write(tmp_path / "lock.json", published("triton", f"{registry.host}/update/json"))
    result = update(lock, "--json")
    assert json.loads(result.stdout) == {
        "exit": 0,
        "written": True,
        "changes": [{"image": "triton:1.0", "old": None, "new": digest, "why": "first digest"}],
        "failures": [],
        "skipped": [],
    }
