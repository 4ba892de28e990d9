"""Real object stores on this machine, for tests and benchmarks: MinIO, moto, an emulator of Google Cloud Storage.

`python -m local.object_stores` builds what is built (`make stores`), and says what cannot be had.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.cluster.binaries import Program, build, built
from local.cluster.errors import ClusterError
from local.cluster.layout import LAYOUT

MINIO = Program(name="minio", manifest="minio", package="github.com/minio/minio")
FAKE_GCS = Program(name="fake-gcs", manifest="fake-gcs", package=".")
RCLONE = Program(name="rclone", manifest="rclone", package="github.com/rclone/rclone")
"""No store, but what a pull is measured beside."""

LOOPBACK = "127.0.0.1"
BUCKET = "models"
USER, SECRET = "tritonup", "only-on-loopback"

_START_S = 60


class NoStoreError(Exception):
    """The store did not come up. The message holds the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStore:
    """A store with the bucket `models`. `url` names the bucket; `environment` leads clients to it."""

    url: str
    endpoint: str
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def program(which: Program) -> Path | str:
    """The built program, or why there is none."""
    return built(which, LAYOUT) or f"no {which.name}: `make stores` builds it"


def start_minio(path: Path, folder: Path, *, address: str = LOOPBACK) -> RunningStore:
    """A bucket is a folder to it, so that the one wanted is there from the start. `folder` of a store that has ended
    brings up what that one held."""
    (folder / "data" / BUCKET).mkdir(parents=True, exist_ok=True)
    port = free_port(address)
    command = [str(path), "server", "--quiet", "--address", f"{address}:{port}", str(folder / "data")]
    more = {"MINIO_ROOT_USER": USER, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_BROWSER": "off"}
    running = _started(command, folder, port, more, s3=True, address=address)
    _make_bucket(running)
    return running


def start_moto(folder: Path) -> RunningStore:
    """moto's server, of this environment."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    running = _started(command, folder, port, {}, s3=True)
    _make_bucket(running)
    return running


def start_fake_gcs(path: Path, folder: Path) -> RunningStore:
    port = free_port()
    command = [str(path), "-port", str(port), "-buckets", BUCKET]
    return _started(command, folder, port, {}, s3=False)


def _started(
    command: Sequence[str],
    folder: Path,
    port: int,
    more: Mapping[str, str],
    *,
    s3: bool,
    address: str = LOOPBACK,
) -> RunningStore:
    endpoint = f"http://{address}:{port}"
    s3_environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": USER,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603  a program of ours, with arguments of ours
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env={**os.environ, **more}, cwd=folder
        )
    running = RunningStore(
        url=f"{'s3' if s3 else 'gs'}://{BUCKET}",
        endpoint=endpoint,
        environment=s3_environment if s3 else {"STORAGE_EMULATOR_HOST": endpoint},
        process=process,
    )
    deadline = time.monotonic() + _START_S
    while not _listens(address, port):
        if process.poll() is not None or time.monotonic() > deadline:
            running.stop()
            raise NoStoreError(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
    return running


def _make_bucket(running: RunningStore) -> None:
    """By a plain request: moto asks for no signature, and MinIO has its bucket already."""
    import urllib.error
    import urllib.request

    request = urllib.request.Request(f"{running.endpoint}/{BUCKET}", method="PUT")  # noqa: S310  http, on loopback
    deadline = time.monotonic() + _START_S
    while True:
        try:
            urllib.request.urlopen(request).close()  # noqa: S310
            return
        except urllib.error.HTTPError as refused:
            if refused.code < 500:  # MinIO wants a signature, which says that it serves
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise NoStoreError(f"{running.endpoint} does not answer.")
        time.sleep(0.1)


def free_port(address: str = LOOPBACK) -> int:
    with closing(socket.socket()) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _listens(address: str, port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


class _Printed:
    @contextmanager
    def step(self, doing: str) -> Generator[None]:
        self.note(doing)
        yield

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def main(names: Sequence[str]) -> None:
    """Build MinIO and the emulator, or what is named; tests skip what cannot be had."""
    progress = _Printed()
    for one in (MINIO, FAKE_GCS, RCLONE):
        if one.name in names or (not names and one is not RCLONE):
            try:
                build([one], LAYOUT, progress)
            except ClusterError as refused:
                progress.note(f"{refused} The tests that need it will say that they skip.")


if __name__ == "__main__":
    main(sys.argv[1:])
