"""Processes that outlive the command that started them, known by id and start time: an id alone is used again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from local.cluster.errors import ClusterError

POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessId:
    """`started` is the time since boot in clock ticks (proc(5), field 22 of stat); `boot` this boot's own id."""

    pid: int
    started: int
    boot: str

    @property
    def alive(self) -> bool:
        return process_id(self.pid) == self

    def kill(self, *, within_s: float = 60) -> None:
        """SIGKILL, and wait until it is gone: for the first process of a PID namespace, with all that is in it. Ten
        seconds were too few for a node's on two cores that thirty processes waited for."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if not self.alive:
                return
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
        deadline = time.monotonic() + within_s
        while self.alive:
            if time.monotonic() > deadline:
                raise ClusterError(f"Process {self.pid} does not end. Look what it waits for: /proc/{self.pid}/stack")
            time.sleep(POLL_S)


def process_id(pid: int) -> ProcessId | None:
    """The process that has this id now; None where there is none, or only its exit code is left."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    if state in "ZX":
        return None
    return ProcessId(pid=pid, started=int(rest[18]), boot=boot_id())


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
