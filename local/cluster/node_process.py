"""A node: the first process of its own PID, mount and network namespaces, which starts what runs on a node.

Run as a script with the standard library alone. What the node's programs mount, route and filter exists in these
namespaces only, so that the end of this process is the end of all of it, however it came about.

The launching half unshares and forks; it prints the node's process id and ends. The node waits until the network has
been brought to it (a line on its standard input), then starts its programs in order, each when what it waits for
accepts connections, and starts again whatever ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 0x1000, 0x4000, 0x40000, 0x100000
"""sched.h and sys/mount.h of Linux."""

AGAIN_S = 1.0
"""Before a program that ended is started again."""

_HANDLED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Spec = dict[str, Any]
"""`name`, `mounts` (pairs of source and target; the source `tmpfs` is an empty memory file system), `sysctls`,
`programs` (`name`, `argv`, `env`, `log`, `after`: `unix:PATH` or `tcp:HOST:PORT`)."""


def launch(spec: Spec) -> int:
    """Fork the node; its process id."""
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET), "unshare")
    if child := os.fork():
        return child
    os.setsid()
    node = _Node(spec, libc)
    node.run()
    os._exit(0)


class _Node:
    def __init__(self, spec: Spec, libc: ctypes.CDLL) -> None:
        self._spec = spec
        self._libc = libc
        self._running: dict[int, Spec] = {}
        self._waiting: list[tuple[float, Spec]] = []

    def run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        self._enter()
        # Whoever brings the network ends the line when it is there. Its death before that is ours.
        if not sys.stdin.buffer.read(1):
            return
        quiet = os.open(os.devnull, os.O_RDWR)
        log = os.open(self._spec["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(quiet, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        self._waiting = [(0.0, program) for program in self._spec["programs"]]
        while True:
            self._start_due()
            told = signal.sigtimedwait(_HANDLED, 0.05 if self._waiting else 5)
            if told is not None and told.si_signo != signal.SIGCHLD:
                return
            self._reap()

    def _enter(self) -> None:
        _checked(self._libc.sethostname(self._spec["name"].encode(), len(self._spec["name"])), "sethostname")
        self._mount(None, "/", MS_REC | MS_PRIVATE)
        # The kubelet and containerd expect a tree that is shared with what they start.
        self._mount(None, "/", MS_REC | MS_SHARED)
        self._mount("proc", "/proc", 0, "proc")
        for source, target in self._spec["mounts"]:
            if source == "tmpfs":
                self._mount("tmpfs", target, 0, "tmpfs")
            else:
                self._mount(source, target, MS_BIND)
        for name, value in self._spec["sysctls"].items():
            with contextlib.suppress(FileNotFoundError):  # a kernel without bridge filtering has no switch for it
                Path("/proc/sys", *name.split(".")).write_text(value, encoding="ascii")

    def _mount(self, source: str | None, target: str, flags: int, kind: str | None = None) -> None:
        given = [None if text is None else text.encode() for text in (source, target, kind)]
        _checked(self._libc.mount(given[0], given[1], given[2], flags, None), f"mount {target}")

    def _start_due(self) -> None:
        left: list[tuple[float, Spec]] = []
        for at, program in self._waiting:
            if time.monotonic() < at or not _accepts(program.get("after")):
                left.append((at, program))
                continue
            log = os.open(program["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                process = subprocess.Popen(  # noqa: S603
                    program["argv"],
                    env=program["env"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED),
                )
            except OSError as refused:
                os.write(log, f"{program['argv'][0]}: {refused}\n".encode())
                left.append((time.monotonic() + AGAIN_S, program))
            else:
                # Reaped below with everything else that ends here.
                process.returncode = 0
                self._running[process.pid] = program
            finally:
                os.close(log)
        self._waiting = left

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if program := self._running.pop(pid, None):
                print(f"{program['name']} ended with {os.waitstatus_to_exitcode(status)}", flush=True)
                self._waiting.append((time.monotonic() + AGAIN_S, program))


def _accepts(address: str | None) -> bool:
    if address is None:
        return True
    kind, _, where = address.partition(":")
    try:
        if kind == "unix":
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(where)
        else:
            host, _, port = where.rpartition(":")
            socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def _checked(result: int, doing: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)} ({errno.errorcode.get(number, number)})")


if __name__ == "__main__":
    print(launch(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), flush=True)
