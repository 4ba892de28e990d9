"""One Triton running on this machine: started, watched until it is ready, drained as the pod would be.

Nothing here waits: the caller asks as often as it likes, so that it can watch several servers and the
user's Ctrl-C at once.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO

from local import keeper
from local.command import LocalCommand, local_command
from local.container import Container, Probe
from local.errors import CannotServeError
from local.installed import InstalledTriton
from local.loading import Loading, State
from local.ports import LOOPBACK, Ports, require_free
from local.staging import LeftOut, Staging, cannot_write, stage

LogSink = Callable[[str], None]
"""Takes one line of the server's log, without its end. Called from another thread."""

KEEPER_EXTRA_S = 10
"""Seconds beyond the grace period after which even the keeper counts as stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is about to be started for a server."""

    name: str
    container: Container
    ports: Ports
    staging: Staging
    command: LocalCommand

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        return self.staging.left_out


def prepare(
    name: str,
    container: Container,
    models: tuple[Path, ...],
    *,
    installed: InstalledTriton,
    ports: Ports,
    known_flags: Set[str],
) -> Prepared:
    """Everything up to the start. Raises CannotServeError (a busy port, a full disk, a missing model, …) and
    leaves nothing behind then. The caller of a preparation that is never started calls `discard`."""
    require_free(name, ports)
    staging = stage(name, models)
    try:
        installed.assemble_backends(staging.backends)
        command = local_command(container, installed, staging, ports, known_flags)
    except BaseException as error:
        shutil.rmtree(staging.root, ignore_errors=True)
        if isinstance(error, OSError):
            raise CannotServeError(cannot_write(name, error)) from error
        raise
    return Prepared(name=name, container=container, ports=ports, staging=staging, command=command)


def discard(prepared: Prepared) -> None:
    """Remove what `prepare` made for a server that is not started after all."""
    keeper.remove(prepared.staging.root, prepared.command.shm_prefix)


class RunningTriton:
    """A started server. `loading` is what its log has said so far."""

    def __init__(self, prepared: Prepared, log: LogSink) -> None:
        self.prepared = prepared
        self.name = prepared.name
        self.loading = Loading()
        self._started = time.monotonic()
        self._started_up = False
        self._was_ready = False
        self._keeper = _start_keeper(prepared)
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._orders: IO[bytes] = self._keeper.stdin
        self._reader = threading.Thread(
            target=self._read, args=(self._keeper.stdout, log), name=f"log of {self.name}", daemon=True
        )
        self._reader.start()

    @property
    def keeper_pid(self) -> int:
        return self._keeper.pid

    def ended(self) -> int | None:
        """The exit code, once the server and everything that it started have ended."""
        return self._keeper.poll()

    def ready(self) -> bool:
        """Whether the start-up probe (once) and then the readiness probe pass, as the kubelet asks them.

        Raises CannotServeError where the server has ended, or the start-up probe's budget is spent.
        """
        if self.ended() is not None:
            raise CannotServeError(self.why_it_ended())
        container = self.prepared.container
        self._started_up = self._started_up or self._passes(container.startup)
        if not self._started_up and time.monotonic() - self._started > container.startup.budget_s:
            raise CannotServeError(self._too_slow(container.startup))
        ready = self._started_up and self._passes(container.readiness)
        self._was_ready = self._was_ready or ready
        return ready

    def leave(self, hurry: Event) -> Iterator[str]:
        """Leave as the pod would: preStop, SIGTERM, and SIGKILL when the grace period is over.

        Yields each step as it is taken, and an empty text while it waits; done when everything has ended.
        `hurry` set skips the wait that is under way (and is cleared).
        """
        asked = time.monotonic()
        grace_s = self.prepared.container.grace_s
        pause_s = self.prepared.container.pre_stop_s
        if pause_s and self.ended() is None:
            yield f"preStop: still answers for {pause_s} s, while clients notice that it leaves"
            yield from self._wait(asked + pause_s, hurry)
        if self.ended() is None:
            yield f"SIGTERM: answers what it has accepted; at most {grace_s} s since it was asked to leave"
            self._order(b"t")
            yield from self._wait(asked + grace_s, hurry)
        if self.ended() is None:
            yield f"SIGKILL: not finished {time.monotonic() - asked:.0f} s after it was asked to leave"
            self._order(b"k")
            yield from self._wait(time.monotonic() + KEEPER_EXTRA_S, Event())
        self._clean_up()
        yield f"ended {time.monotonic() - asked:.1f} s after it was asked to leave (exit code {self.ended()})"

    def stop(self) -> None:
        """End it at once, without any courtesy, and wait until nothing of it is left."""
        self._order(b"k")
        self._clean_up()

    def _wait(self, until: float, hurry: Event) -> Iterator[str]:
        while self.ended() is None and time.monotonic() < until:
            if hurry.is_set():
                hurry.clear()
                return
            yield ""

    def _order(self, order: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended meanwhile
            self._orders.write(order)
            self._orders.flush()

    def _clean_up(self) -> None:
        try:
            self._keeper.wait(timeout=KEEPER_EXTRA_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()  # the server dies with its keeper
            self._keeper.wait()
        self._reader.join(timeout=1)
        with contextlib.suppress(BrokenPipeError):
            self._orders.close()
        discard(self.prepared)  # where the keeper could not

    def _read(self, stream: IO[bytes], log: LogSink) -> None:
        with stream:
            for raw in stream:
                line = raw.decode(errors="replace").rstrip("\n")
                self.loading.feed(line)
                log(line)

    def _passes(self, probe: Probe) -> bool:
        # Ports have names of the pod's choice; Triton's own arguments say what listens where.
        argv = self.prepared.container.argv
        port = next((port for kind, port in self.prepared.ports if f"--{kind}-port={probe.port}" in argv), None)
        connection = http.client.HTTPConnection(LOOPBACK, port or self.prepared.ports.http, timeout=probe.timeout_s)
        try:
            connection.request("GET", probe.path)
            return 200 <= connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def why_it_ended(self) -> str:
        """For a server that has ended: when, and what its log says about it."""
        self._clean_up()
        why = self.loading.why().replace(f"{self.prepared.staging.models}/", "")
        when = "after it was ready" if self._was_ready else "while it was loading"
        return f"Server {self.name!r} ended {when} (exit code {self.ended()}).\n{why}"

    def _too_slow(self, startup: Probe) -> str:
        waiting = [model for model, state in self.loading.states.items() if state is State.LOADING]
        return (
            f"Server {self.name!r} was not ready within {startup.budget_s} s, its start-up probe's budget"
            f" ({startup.failure_threshold} times {startup.period_s} s)."
            f" Still loading: {', '.join(waiting) or 'no model'}."
        )


def _start_keeper(prepared: Prepared) -> subprocess.Popen[bytes]:
    spec = {
        "argv": prepared.command.argv,
        "env": dict(prepared.command.env),
        "cwd": str(prepared.staging.scratch),  # empty: the stub's Python looks for modules in it first
        "root": str(prepared.staging.root),
        "shm_prefix": prepared.command.shm_prefix,
        "grace_s": prepared.container.grace_s,
    }
    path = prepared.staging.root / "keeper.json"
    try:
        path.write_text(json.dumps(spec))
        return subprocess.Popen(  # noqa: S603  our own script
            [sys.executable, "-I", "-S", str(Path(keeper.__file__)), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is for us: the server drains when we say so
        )
    except OSError as error:
        discard(prepared)
        raise CannotServeError(cannot_write(prepared.name, error)) from error
