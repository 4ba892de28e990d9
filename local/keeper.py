"""Keeps one Triton: a process between `tritonup serve` and the server, so that nothing outlives it.

Run as a script by `local.triton`, with the standard library alone. It starts the server in a process group
of its own, does what it is told on its standard input (`t`: SIGTERM to the server, `k`: SIGKILL to the whole
group), and takes the end of that input for the death of whoever started it: SIGTERM, and SIGKILL when the
grace period is over. When the server has ended it ends the stubs that are left, removes the server's
directory and shared memory, and exits with the server's code (128 + the signal that ended it).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
"""prctl(2)."""

STUBS_END_S = 2.0
"""Stubs notice within 0.3 s that their server is gone (python_backend, src/pb_stub.cc)."""


def keep(spec_path: Path) -> int:
    """Run the server that the JSON file describes (`argv`, `env`, `cwd`, `root`, `shm_prefix`, `grace_s`)."""
    spec = json.loads(spec_path.read_text())
    libc = ctypes.CDLL(None)
    # Orphaned stubs become children of this process, so that it can wait for them.
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    asked_to_end = False
    server: subprocess.Popen[bytes] | None = None

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked_to_end
        asked_to_end = True
        if server is not None:
            server.terminate()

    try:
        for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(asked, pass_on)
        server = subprocess.Popen(  # noqa: S603
            spec["argv"],
            env=spec["env"],
            cwd=spec["cwd"],
            stdin=subprocess.DEVNULL,
            process_group=0,
            restore_signals=False,  # SIGPIPE stays ignored: the reader of its log may be gone before it
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
        )
        if asked_to_end:  # before there was anything to end
            server.terminate()
        _obey(server, float(spec["grace_s"]))
        code = server.wait()
    finally:
        if server is not None:
            _end_group(server.pid)
        remove(Path(spec["root"]), str(spec["shm_prefix"]))
    return code if code >= 0 else 128 - code


def remove(root: Path, shm_prefix: str) -> None:
    """Remove a server's directory, and its regions in /dev/shm, which a killed server leaves there."""
    shutil.rmtree(root, ignore_errors=True)
    for region in Path("/dev/shm").glob(f"{shm_prefix}*"):  # noqa: S108
        region.unlink(missing_ok=True)


def _obey(server: subprocess.Popen[bytes], grace_s: float) -> None:
    """Until the server has ended: pass on what is asked for."""
    ended = os.pidfd_open(server.pid)
    asking: list[int] = [sys.stdin.fileno()]
    kill_at: float | None = None
    while True:
        left = None if kill_at is None else max(0.0, kill_at - time.monotonic())
        heard, _, _ = select.select([ended, *asking], [], [], left)
        if ended in heard:
            return
        if not heard:
            _signal_group(server.pid, signal.SIGKILL)
            kill_at = None
            continue
        words = os.read(asking[0], 64)
        if not words:
            asking.clear()
            kill_at = time.monotonic() + grace_s
        if not words or b"t" in words:
            server.terminate()
        if b"k" in words:
            _signal_group(server.pid, signal.SIGKILL)


def _end_group(group: int) -> None:
    deadline = time.monotonic() + STUBS_END_S
    while _children_left() and time.monotonic() < deadline:
        time.sleep(0.01)
    _signal_group(group, signal.SIGKILL)
    while _children_left():
        time.sleep(0.01)


def _children_left() -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1])))
