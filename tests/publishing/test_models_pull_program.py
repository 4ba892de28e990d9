"""`models pull`, the program of pods: what it brings, how it says why it does not, how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace as changed
from pathlib import Path

import pytest
from places import Place
from small_repository import Keys, bytes_below, files, served_of

from planning.repository.served import ServedSet
from programs import ending
from programs.ending import CANNOT, REFUSED
from programs.models_pull import Asked, fetch
from publishing.layout import content_key
from publishing.pushing import push

MODEL = "digits/1/model.onnx"


@pytest.fixture
def served(place: Place, keys: Keys, tmp_path: Path) -> ServedSet:
    """Published in `place`."""
    served = served_of(tmp_path / "here", files())
    push(place.store, "vision", served, keys.key, keys.trust)
    return served


def signing_file(path: Path, keys: Keys, *, revoked: bool = False) -> Path:
    """As the ConfigMap has it: the setting `model_repository.signing`."""
    other = keys.stranger.public if revoked else keys.key.public
    gone = [keys.key.public.fingerprint] if revoked else []
    path.write_text(json.dumps({"trusted": {"ci": other.pem}, "revoked": gone}))
    return path


@pytest.fixture
def asked(place: Place, served: ServedSet, keys: Keys, tmp_path: Path) -> Asked:
    return Asked(
        server="vision",
        digest=served.digest,
        store=place.url,
        region=None,
        endpoint=None,
        out=tmp_path / "models",
        signing=signing_file(tmp_path / "signing.json", keys),
        bytes=served.total_bytes,
    )


@pytest.fixture(autouse=True)
def message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for the file that the kubelet makes."""
    path = tmp_path / "termination-log"
    path.touch()
    monkeypatch.setattr(ending, "TERMINATION_LOG", path)
    return path


def test_exactly_the_servers_files_come_and_a_second_start_fetches_none(
    asked: Asked, place: Place, served: ServedSet, capsys: pytest.CaptureFixture[str]
) -> None:
    place.store.create(content_key("vision", served.digest, "backdoor/1/model.py"), b"import os")
    assert fetch(asked) == 0
    assert bytes_below(asked.out / "vision" / served.digest) == files()
    assert "MiB fetched" in capsys.readouterr().out
    assert fetch(asked) == 0
    assert "was there already" in capsys.readouterr().out


def test_what_was_changed_is_refused_with_the_finding_in_the_log_and_in_the_pods_status(
    asked: Asked, place: Place, served: ServedSet, message: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = content_key("vision", served.digest, MODEL)
    place.store.delete([at])
    place.store.create(at, bytes(300_000))
    assert fetch(asked) == REFUSED
    assert "[TU247]" in message.read_text()
    assert message.read_text() in capsys.readouterr().err
    assert not (asked.out / "vision" / served.digest).exists()


def test_a_file_that_is_gone_is_refused(asked: Asked, place: Place, served: ServedSet, message: Path) -> None:
    place.store.delete([content_key("vision", served.digest, MODEL)])
    assert fetch(asked) == REFUSED
    assert "[TU246]" in message.read_text()


def test_a_digest_that_nobody_published_is_refused(asked: Asked, message: Path) -> None:
    assert fetch(changed(asked, digest="0" * 64)) == REFUSED
    assert "[TU242]" in message.read_text()


def test_what_a_revoked_key_signed_is_refused(asked: Asked, keys: Keys, tmp_path: Path, message: Path) -> None:
    revoked = signing_file(tmp_path / "revoked.json", keys, revoked=True)
    assert fetch(changed(asked, signing=revoked)) == REFUSED
    assert "[TU244]" in message.read_text()


def test_without_knowing_whom_to_trust_nothing_is_fetched(asked: Asked, tmp_path: Path, message: Path) -> None:
    assert fetch(changed(asked, signing=tmp_path / "nowhere.json")) == CANNOT
    assert "does not say whom to trust" in message.read_text()
    assert not asked.out.exists()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("[]", "is []: it must be a mapping"),
        ('{"trusted": {"team": "nonsense"}, "revoked": []}', "trusted.team is no public key of the curves P-256"),
        ('{"trusted": {}, "revoked": ["team"]}', "revoked[0] is 'team': it must be a SHA-256"),
    ],
)
def test_what_is_wrong_with_whom_to_trust_is_named(
    said: str, words: str, asked: Asked, tmp_path: Path, message: Path
) -> None:
    signing = tmp_path / "other.json"
    signing.write_text(said, encoding="utf-8")
    assert fetch(changed(asked, signing=signing)) == CANNOT
    assert words in message.read_text()


def test_the_signal_that_ends_a_pod_ends_it_while_a_store_is_silent(keys: Keys, tmp_path: Path) -> None:
    signing = signing_file(tmp_path / "signing.json", keys)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        command = [
            *(sys.executable, "-m", "programs", "models", "pull", "vision", "--digest", "0" * 64),
            *("--store", "s3://models", "--endpoint", f"http://127.0.0.1:{silent.getsockname()[1]}"),
            *("--region", "us-east-1", "--out", str(tmp_path / "models"), "--signing", str(signing), "--bytes", "1"),
        ]
        environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "NO_PROXY": "127.0.0.1"}
        with subprocess.Popen(command, env=environment) as running:
            silent.settimeout(60)
            silent.accept()[0].settimeout(60)
            running.send_signal(signal.SIGTERM)
            assert running.wait(10) == 128 + signal.SIGTERM
