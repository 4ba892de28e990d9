"""The real Triton as the judge: one server, asked to load one repository after the other.

Its core is genuine, its backends say nothing (`stand_in`). Each repository's models have names of their own in the
server's repository, and what has loaded stays loaded.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.installed import InstalledTriton
from local.ports import free_ports
from tests.preflight.seeds import SUBJECT, Files, renamed, write
from tests.preflight.stand_in import assemble_stand_ins

DEADLINE_S = 120.0
"""For the start and for each answer, which take a second and milliseconds on a quiet machine."""


@dataclass(frozen=True, slots=True)
class Loads:
    """Triton serves the repository's `subject`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Triton does not, and says `why`."""

    why: str


@dataclass(frozen=True, slots=True)
class Ends:
    """The server ends when it is asked to, by `signal`, each time that it is asked."""

    signal: int


Verdict = Loads | Refused | Ends


def judge(
    installed: InstalledTriton, compiler: tuple[str, ...], root: Path, repositories: Mapping[str, Files]
) -> dict[str, Verdict]:
    """The verdict on each of `repositories`; `root` is empty."""
    backends, models = root / "backends", root / "models"
    assemble_stand_ins(compiler, backends)
    for index, files in enumerate(repositories.values()):
        write(models, renamed(files, lambda model, index=index: f"r{index}_{model}"))
    left = {key: f"r{index}_{SUBJECT}" for index, key in enumerate(repositories)}
    verdicts: dict[str, Verdict] = {}
    suspect: str | None = None
    while left:
        with _server(installed, backends, models, root / "log") as server:
            for key, model in list(left.items()):
                verdict = server.load(model)
                if isinstance(verdict, Ends) and key != suspect:
                    suspect = key  # or what was loaded before it is the cause: a new server is asked of it first
                    break
                verdicts[key] = verdict
                del left[key]
                if isinstance(verdict, Ends):
                    break
    return verdicts


@dataclass(frozen=True, slots=True)
class _Server:
    process: subprocess.Popen[bytes]
    http: int

    def load(self, model: str) -> Verdict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}/v2/repository/models/{model}/load", data=b"{}", method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S):
                return Loads()
        except urllib.error.HTTPError as error:
            return Refused(str(json.load(error)["error"]))
        except OSError:
            return Ends(-self.process.wait(DEADLINE_S))

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/v2/health/live", timeout=5):
                return True
        except OSError:
            return False


@contextmanager
def _server(installed: InstalledTriton, backends: Path, models: Path, log: Path) -> Generator[_Server]:
    ports = free_ports()
    command = [
        str(installed.server),
        f"--model-repository={models}",
        f"--backend-directory={backends}",
        "--model-control-mode=explicit",
        "--allow-metrics=false",
        *(f"--{kind}-port={port}" for kind, port in ports if kind != "metrics"),
        *(f"--{kind}-address=127.0.0.1" for kind in ("http", "grpc")),
    ]
    with log.open("w") as told:
        process = subprocess.Popen(command, env=dict(installed.environment()), stdout=told, stderr=told)
    server = _Server(process, ports.http)
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not server.answers():
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, "Triton did not start"
            time.sleep(0.02)
        yield server
    finally:
        process.kill()
        process.wait()
