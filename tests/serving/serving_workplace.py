"""Where tests start real servers: a directory of its own that must be empty when they have ended."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rendered_deployment import deployment

from local.container import read_container
from local.errors import CannotServeError
from local.installed import InstalledTriton
from local.ports import STEP, Ports, allot_ports, require_free
from local.triton import RunningTriton, prepare

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 90.0
"""For anything that has to happen on two busy cores."""


WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_FIRST_PORTS = itertools.count(20_000 + 1_000 * WORKER, STEP)
"""Below the ports that the kernel gives to outgoing connections, and for each test process its own: what is free
when it is chosen is still free when Triton comes to listen on it."""


def own_ports(servers: int = 1) -> tuple[Ports, ...]:
    """Ports for as many servers, ten apart, that nothing listens on."""
    while True:
        first = next(_FIRST_PORTS)
        ports = allot_ports(first, servers)
        try:
            for one in ports:
                require_free("test", one)
        except CannotServeError:
            continue
        for _ in range(1, servers):
            next(_FIRST_PORTS)
        return ports


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what}"
        time.sleep(0.02)


@dataclass(slots=True)
class Workplace:
    """Where servers are started: their directories are made in `temporary`, which must be empty at the end."""

    installed: InstalledTriton
    temporary: Path
    log: list[str] = field(default_factory=list)
    started: list[RunningTriton] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """Names of the servers' directories, which their shared memory is named after."""

    def start(
        self, models: Sequence[Path], manifest: dict[str, Any] | None = None, ports: Ports | None = None
    ) -> RunningTriton:
        prepared = prepare(
            "text",
            read_container(manifest or deployment()),
            tuple(models),
            installed=self.installed,
            ports=ports or own_ports()[0],
            known_flags=self.installed.known_flags(),
        )
        self.started.append(RunningTriton(prepared, self.log.append))
        return self.started[-1]

    def start_ready(self, models: Sequence[Path], manifest: dict[str, Any] | None = None) -> RunningTriton:
        running = self.start(models, manifest)
        eventually(running.ready, "Triton is ready")
        self.look()
        return running

    def look(self) -> None:
        """Remember the directories that are there now."""
        self.seen.update(directory.name for directory in self.temporary.iterdir())

    def processes(self) -> list[str]:
        """Command lines that name a directory of ours."""
        found: list[str] = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.temporary) in line:
                found.append(line)
        return found

    def left(self) -> list[str]:
        """Everything that a server leaves behind: processes, files, shared memory."""
        self.look()
        regions = [region.name for region in Path("/dev/shm").iterdir() if region.name.startswith(tuple(self.seen))]
        return [*self.processes(), *(directory.name for directory in self.temporary.iterdir()), *regions]
