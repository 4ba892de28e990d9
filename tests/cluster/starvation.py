"""Whether pods got the CPU while a test ran.

Four clusters share a machine that others may share too. A pod that gets no CPU for a second loses requests, whatever
its settings are: Triton's Python backend takes the process of such a model to be dead. Such a run says nothing about
the settings, so it is made again.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from local.cluster import cgroups
from local.cluster.layout import CGROUP

STARVED_S = 0.7
"""A model's process says every 300 ms that it lives, and is given one second for it (python_backend, `pb_stub.cc` and
`stub_launcher.cc`, `ReceiveMessageFromStub`)."""

WATCH = """
import os, time
parent, last = os.getppid(), time.monotonic()
while os.getppid() == parent:
    time.sleep(0.1)
    now = time.monotonic()
    if now - last > 0.3:
        print(now, now - last - 0.1, flush=True)
    last = now
"""

GROUP = f"{CGROUP}/starvation"


@dataclass(slots=True)
class Starvation:
    """Each time a process among the pods wanted to run and did not for 0.2 s or more: when that ended, on the monotonic
    clock, and the seconds that it took."""

    found: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def longest_since(self, moment: float) -> float:
        return max((seconds for ended, seconds in self.found if ended > moment), default=0.0)

    def read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            ended, seconds = map(float, line.split())
            self.found.append((ended, seconds))


@contextmanager
def watched(group: str = GROUP) -> Generator[Starvation]:
    """What becomes of a process that has the CPU's shares of a pod, while the context lasts."""
    told = Starvation()
    with subprocess.Popen([sys.executable, "-c", WATCH], stdout=subprocess.PIPE, text=True) as process:
        reader = threading.Thread(target=told.read, args=(process,), daemon=True)
        reader.start()
        try:
            _join(process.pid, group)
            yield told
        finally:
            process.kill()
            process.wait()
            reader.join()
            with suppress(OSError):
                cgroups.remove_tree(group)


def _join(process: int, name: str) -> None:
    for root in cgroups.hierarchies():
        # Where version 1 is mounted, the CPU's alone.
        if cgroups.unified() or "cpu" in root.name.split(","):
            group = root / name
            group.mkdir(exist_ok=True)
            (group / "cgroup.procs").write_text(str(process), encoding="ascii")
