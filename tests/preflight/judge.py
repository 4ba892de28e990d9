"""The real Triton as the judge: one server, asked to load one repository after the other.

Each repository's models have names of their own there, and each is loaded once. Only models that ensembles call, and
that are alike to the byte in many repositories, stay loaded for all of them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from local.installed import InstalledTriton
from local.ports import free_ports
from tests.preflight.core_models import python
from tests.preflight.seeds import SUBJECT, Files, renamed, write

DEADLINE_S = 240.0
ATTEMPTS = 5
LEAVES_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why Triton refuses a repository's `subject`, or None where it loads."""

    refused: str | None


def judge(installed: InstalledTriton, root: Path, repositories: Mapping[str, Files]) -> dict[str, Verdict]:
    """The verdict on each of `repositories`; `root` is empty.

    On a machine that is far too busy the Python backend gives up a lock and ends the server. What it had not answered
    then is put to a new one, the repository at which it ended last, so that only one that ends the server each time
    stays without a verdict.
    """
    verdicts: dict[str, Verdict] = {}
    left = list(repositories)
    for attempt in range(ATTEMPTS):
        if left:
            place = root / str(attempt)
            place.mkdir()
            with server(installed, place) as triton:
                verdicts |= triton.judge_all({key: repositories[key] for key in left})
            left = [key for key in left if key not in verdicts]
            left = [*left[1:], *left[:1]]
    return verdicts


@dataclass(frozen=True, slots=True)
class Server:
    http: int
    root: Path

    def judge_all(self, repositories: Mapping[str, Files]) -> dict[str, Verdict]:
        """What became of each repository's `subject`. Those that the server did not live to answer are left out."""
        for index, files in enumerate(repositories.values()):
            write(self.root, renamed(files, lambda model, index=index, files=files: _name(model, index, files)))
        verdicts: dict[str, Verdict] = {}
        for index, (key, files) in enumerate(repositories.items()):
            verdict = self._judge(_name(SUBJECT, index, files))
            if verdict is None:
                break
            verdicts[key] = verdict
        return verdicts

    def _judge(self, model: str) -> Verdict | None:
        # One after the other: the Python backend of this release ends the server now and then when models load at once.
        try:
            refused = self._post(model, "load")
            if refused is None:
                self._post(model, "unload")
        except OSError:  # it ended, or does not answer
            return None
        return Verdict(refused)

    def _post(self, model: str, action: str) -> str | None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}/v2/repository/models/{model}/{action}", data=b"{}", method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S):
                return None
        except urllib.error.HTTPError as error:
            return str(json.load(error)["error"])


def _name(model: str, index: int, files: Files) -> str:
    own = {path: content for path, content in files.items() if path.startswith(f"{model}/")}
    return f"shared_{model}" if model != SUBJECT and own == python(model) else f"r{index}_{model}"


@contextmanager
def server(installed: InstalledTriton, root: Path) -> Generator[Server]:
    """A server in `root`, which is empty, with an empty repository."""
    models = root / "models"
    models.mkdir()
    installed.assemble_backends(root / "backends")
    ports = free_ports()
    command = [
        str(installed.server),
        f"--model-repository={models}",
        f"--backend-directory={root / 'backends'}",
        "--model-control-mode=explicit",
        "--allow-metrics=false",
        f"--backend-config=python,stub-timeout-seconds={DEADLINE_S:.0f}",  # 30 s, on a busy machine, end the server
        *(f"--{kind}-port={port}" for kind, port in ports if kind != "metrics"),
        *(f"--{kind}-address=127.0.0.1" for kind in ("http", "grpc")),
    ]
    with (root / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=dict(installed.environment()), stdout=log, stderr=log, start_new_session=True
        )
    Thread(target=_end_all, args=(process,), daemon=True).start()
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not _lives(ports.http):
            assert process.poll() is None, (root / "log").read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, "Triton did not start"
            time.sleep(0.05)
        yield Server(ports.http, models)
    finally:
        process.terminate()
        try:
            process.wait(LEAVES_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _end_all(process: subprocess.Popen[bytes]) -> None:
    """Once the server has ended, end what it started: a model's process keeps the server's connections open."""
    process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _lives(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/live", timeout=5):
            return True
    except OSError:
        return False
