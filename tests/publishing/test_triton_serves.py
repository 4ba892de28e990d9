"""A real Triton serves what was pushed, from the bucket itself, and minds nothing that lies beside it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from places import Place
from small_repository import Keys

from local.ask import Asker
from local.client import Wire
from local.installed import InstalledTriton, find_installed
from local.object_stores import free_port
from local.ports import Ports
from local.sample import read_sample
from planning.repository.reader import read_repository
from planning.repository.served import ServedSet, served_models
from publishing.pushing import push
from publishing.verifying import verify

ROOT = Path(__file__).resolve().parents[2]
READY_S = 90


@pytest.fixture(scope="session")
def installed() -> InstalledTriton:
    found = find_installed(ROOT)
    if isinstance(found, str):
        pytest.skip(found)
    return found


@contextmanager
def triton(
    installed: InstalledTriton,
    repository: str,
    folder: Path,
    environment: dict[str, str],
    stand_ins: Sequence[str] = (),
) -> Iterator[tuple[Ports, Path]]:
    """One that is ready, as the pod's arguments have it, and its log. With `stand_ins`, backends that are ONNX Runtime
    under other names, it stays up where a model does not load."""
    installed.assemble_backends(folder / "backends")
    for name in stand_ins:
        shutil.copytree(folder / "backends" / "onnxruntime", folder / "backends" / name)
    ports = Ports(http=free_port(), grpc=free_port(), metrics=free_port())
    log = folder / "log"
    (folder / "tmp").mkdir()
    command = [
        str(installed.server),
        f"--model-repository={repository}",
        f"--backend-directory={folder}/backends",
        "--model-control-mode=none",
        "--strict-readiness=true",
        f"--exit-on-error={'false' if stand_ins else 'true'}",
        f"--http-port={ports.http}",
        f"--grpc-port={ports.grpc}",
        f"--metrics-port={ports.metrics}",
        "--log-verbose=0",
    ]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            env={**installed.environment(), **environment, "TMPDIR": str(folder / "tmp"), "HOME": str(folder)},
            stdout=file,
            stderr=file,
            cwd=folder,
        )
    try:
        deadline = time.monotonic() + READY_S
        while True:
            assert process.poll() is None, log.read_text(errors="replace")[-3000:]
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-3000:]
            health = "live" if stand_ins else "ready"
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{ports.http}/v2/health/{health}", timeout=2).close()
                break
            time.sleep(0.1)
        yield ports, log
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def loaded(ports: Ports) -> set[str]:
    request = urllib.request.Request(f"http://127.0.0.1:{ports.http}/v2/repository/index", method="POST", data=b"{}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return {model["name"] for model in json.load(answer)}


def served_digits() -> ServedSet:
    repository, _ = read_repository(ROOT / "model_repository")
    served = served_models(repository, ["digits"])
    assert isinstance(served, ServedSet)
    return served


def url_for_triton(place: Place) -> str:
    """Triton names another endpoint within the URL (server docs, model_repository.md, "S3")."""
    return f"s3://{place.environment['AWS_ENDPOINT_URL']}/{place.url.removeprefix('s3://')}"


@pytest.mark.serving
def test_triton_serves_a_pushed_model_with_the_right_answers(
    moto: Place, keys: Keys, installed: InstalledTriton, tmp_path: Path
) -> None:
    served = served_digits()
    push(moto.store, "vision", served, keys.key, keys.trust)
    repository = f"{url_for_triton(moto)}/vision/{served.digest}"
    with triton(installed, repository, tmp_path, moto.environment) as (ports, _):
        assert loaded(ports) == {"digits"}
        sample = read_sample(ROOT / "model_repository" / "digits")
        assert sample is not None
        for wire in Wire:
            with Asker(ports, wire) as asker:
                answer = asker.ask("digits", sample)
            assert (answer.fault, bool(answer.answered)) == (None, True)
    assert verify(moto.store, "vision", served.digest, keys.trust).findings == ()


@pytest.mark.serving
def test_triton_loads_what_somebody_puts_beside_a_model_which_is_why_verify_refuses_it(
    moto: Place, keys: Keys, installed: InstalledTriton, tmp_path: Path
) -> None:
    """And a stray file at the repository's root, which a signature there would be, it passes over."""
    served = served_digits()
    push(moto.store, "vision", served, keys.key, keys.trust)
    for file in served.files:
        path = file.path.as_posix().replace("digits/", "backdoor/", 1)
        assert isinstance(file.source, Path)
        content = file.source.read_bytes().replace(b'name: "digits"', b'name: "backdoor"')
        moto.store.create(f"vision/{served.digest}/{path}", content)
    moto.store.create(f"vision/{served.digest}/stray.json", b"{}")
    found = verify(moto.store, "vision", served.digest, keys.trust).findings
    assert {finding.rule.id for finding in found} == {"TU248"}
    repository = f"{url_for_triton(moto)}/vision/{served.digest}"
    with triton(installed, repository, tmp_path, moto.environment) as (ports, log):
        assert loaded(ports) == {"digits", "backdoor"}
        assert "stray.json" not in log.read_text(errors="replace")
