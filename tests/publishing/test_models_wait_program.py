"""`models wait`, the program of pods that mount the volume: when it lets Triton start, and what it says when not."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace as changed
from pathlib import Path
from threading import Timer

import pytest
from places import Place
from small_repository import Keys, bytes_below, files, served_of, trusting

from planning.repository.served import ServedSet
from programs import ending
from programs.ending import CANNOT, REFUSED
from programs.models_wait import Asked, await_models
from publishing.keys import SigningKey
from publishing.layout import partial_prefix, signature_prefix
from publishing.pulling import pull
from publishing.pushing import push

PATIENT_S = 60.0


@pytest.fixture
def served(directory: Place, keys: Keys, tmp_path: Path) -> ServedSet:
    """Published in the bucket, and not yet on the volume."""
    served = served_of(tmp_path / "here", files())
    push(directory.store, "vision", served, keys.key, keys.trust)
    return served


def signing_file(path: Path, trusted: SigningKey, *revoked: SigningKey) -> Path:
    gone = [key.public.fingerprint for key in revoked]
    path.write_text(json.dumps({"trusted": {"ci": trusted.public.pem}, "revoked": gone}))
    return path


@pytest.fixture
def asked(served: ServedSet, keys: Keys, tmp_path: Path) -> Asked:
    """Without any patience."""
    root = tmp_path / "volume"
    root.mkdir()
    return Asked(
        server="vision",
        digest=served.digest,
        root=root,
        signing=signing_file(tmp_path / "signing.json", keys.key),
        seconds=0.0,
    )


@pytest.fixture
def filled(asked: Asked, directory: Place, keys: Keys) -> Path:
    """The version's directory on the volume, as the Job leaves it."""
    return pull(directory.store, "vision", asked.digest, asked.root, keys.trust).directory


@pytest.fixture(autouse=True)
def message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for the file that the kubelet makes."""
    path = tmp_path / "termination-log"
    path.touch()
    monkeypatch.setattr(ending, "TERMINATION_LOG", path)
    return path


def test_what_the_job_left_is_whole_and_nothing_of_it_is_touched(
    asked: Asked, filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = bytes_below(asked.root)
    assert await_models(asked) == 0
    assert f"{filled}: whole" in capsys.readouterr().out
    assert bytes_below(asked.root) == before


def test_it_goes_on_as_soon_as_the_job_is_done(asked: Asked, directory: Place, keys: Keys) -> None:
    late = Timer(1.5, pull, (directory.store, "vision", asked.digest, asked.root, keys.trust))
    late.start()
    assert await_models(changed(asked, seconds=PATIENT_S)) == 0
    late.join()


def test_a_version_that_does_not_come_is_said_with_the_job_to_look_at(asked: Asked, message: Path) -> None:
    assert await_models(asked) == CANNOT
    said = message.read_text()
    assert f"{asked.root}/vision/{asked.digest} is not there after 0 s" in said
    assert "describe job -l app.kubernetes.io/name=model-filler,app.kubernetes.io/instance=vision" in said


def test_what_is_half_filled_has_another_name_and_is_waited_for(asked: Asked, message: Path) -> None:
    (asked.root / partial_prefix("vision", asked.digest)).mkdir(parents=True)
    assert await_models(asked) == CANNOT
    assert "is being filled after 0 s" in message.read_text()


def test_a_volume_that_only_its_owner_may_enter_yet_is_waited_for(
    asked: Asked, filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a new one is until the kubelet has given it to the Job's group."""
    asked.root.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        assert await_models(asked) == CANNOT
    finally:
        os.seteuid(user)
        asked.root.chmod(0o755)
    assert "cannot be looked at (Permission denied)" in capsys.readouterr().err
    assert await_models(asked) == 0


def test_another_version_is_not_this_one(asked: Asked, filled: Path, message: Path) -> None:
    assert await_models(changed(asked, digest="0" * 64)) == CANNOT
    assert "is not there" in message.read_text()


def test_a_directory_without_a_signature_is_waited_for(asked: Asked, filled: Path, message: Path) -> None:
    shutil.rmtree(asked.root / signature_prefix("vision", asked.digest))
    assert await_models(asked) == CANNOT
    assert "is there without its signature" in message.read_text()


def test_what_a_revoked_key_signed_is_refused_though_it_is_whole(
    asked: Asked, filled: Path, keys: Keys, tmp_path: Path, message: Path
) -> None:
    revoked = signing_file(tmp_path / "revoked.json", keys.stranger, keys.key)
    assert await_models(changed(asked, signing=revoked)) == REFUSED
    assert "[TU244]" in message.read_text()


def test_a_version_that_is_signed_anew_is_accepted_when_the_next_job_has_run(
    asked: Asked, filled: Path, directory: Place, served: ServedSet, keys: Keys, tmp_path: Path
) -> None:
    """The Job finds the files there and brings the new signature."""
    new = trusting(keys.stranger, revoked=(keys.key,))
    push(directory.store, "vision", served, keys.stranger, new)
    rotated = changed(asked, signing=signing_file(tmp_path / "rotated.json", keys.stranger, keys.key))
    assert await_models(rotated) == REFUSED
    again = pull(directory.store, "vision", asked.digest, asked.root, new)
    assert again.already
    assert await_models(rotated) == 0


@pytest.mark.parametrize("harm", ["gone", "cut off", "beside"])
def test_a_directory_that_is_not_what_was_signed_is_refused_with_the_file(
    harm: str, asked: Asked, filled: Path, message: Path
) -> None:
    file = filled / "digits/1/model.onnx"
    match harm:
        case "gone":
            file.unlink()
        case "cut off":
            file.write_bytes(file.read_bytes()[:-1])
        case _:
            file = filled / "backdoor/1/model.py"
            file.parent.mkdir(parents=True)
            file.write_bytes(b"import os")
    assert await_models(asked) == REFUSED
    rule = {"gone": "TU246", "cut off": "TU247", "beside": "TU248"}[harm]
    assert f"[{rule}]" in message.read_text()
    assert str(file.relative_to(asked.root)) in message.read_text()


def test_without_knowing_whom_to_trust_nothing_starts(
    asked: Asked, filled: Path, tmp_path: Path, message: Path
) -> None:
    assert await_models(changed(asked, signing=tmp_path / "nowhere.json")) == CANNOT
    assert "does not say whom to trust" in message.read_text()
