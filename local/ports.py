"""Ports on this machine: each server gets its own, on the loopback address alone."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from local.errors import CannotServeError

LOOPBACK = "127.0.0.1"
STEP = 10
"""Between the first ports of two servers, so that each keeps the last digits of Triton's 8000, 8001, 8002."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One server's local ports."""

    http: int
    grpc: int
    metrics: int

    def __iter__(self) -> Iterator[tuple[str, int]]:
        yield from (("http", self.http), ("grpc", self.grpc), ("metrics", self.metrics))


def allot_ports(first: int, servers: int) -> tuple[Ports, ...]:
    """Ports for as many servers, where the first one's HTTP port is `first`; 0 takes free ones."""
    if first == 0:
        return _free(servers)
    starts = range(first, first + STEP * servers, STEP)
    return tuple(Ports(http=start, grpc=start + 1, metrics=start + 2) for start in starts)


def free_ports() -> Ports:
    """Three ports that nothing listens on."""
    return _free(1)[0]


def _free(servers: int) -> tuple[Ports, ...]:
    with ExitStack() as held:  # all are held until the last is known, so they differ

        def one() -> int:
            listener = held.enter_context(socket.socket())
            listener.bind((LOOPBACK, 0))
            return int(listener.getsockname()[1])

        return tuple(Ports(http=one(), grpc=one(), metrics=one()) for _ in range(servers))


def require_free(server: str, ports: Ports) -> None:
    """Raises CannotServeError where something listens on one of `ports` already, naming it and its owner."""
    for kind, port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
                probe.listen(1)
            except (OSError, OverflowError) as error:
                raise CannotServeError(_refusal(server, kind, port, error)) from None


def owner_of(port: int) -> str | None:
    """`name (process id)` of the process that listens on `port`, where /proc tells it to this user."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(fd.readlink()) in inodes for fd in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:  # it ended meanwhile, or belongs to another user
            continue
    return None


def _refusal(server: str, kind: str, port: int, error: OSError | OverflowError) -> str:
    subject = f"Server {server!r} cannot listen on port {port} ({kind})"
    if isinstance(error, OverflowError):
        return f"{subject}: ports end at 65535. Choose a lower --http-port."
    if error.errno == errno.EADDRINUSE:
        by = owner_of(port)
        return (
            f"{subject}: it is taken by {by or 'another process, whose name this user may not see'}."
            " End that process, or choose other ports with --http-port."
        )
    return f"{subject}: {os.strerror(error.errno or 0)}. Choose other ports with --http-port."


def _listening_inodes(port: int) -> Iterator[str]:
    # Columns of /proc/net/tcp: 1 local address:port in hex, 3 state (0A is LISTEN), 9 inode; see proc(5).
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == "0A" and int(columns[1].rsplit(":", 1)[1], 16) == port:
                yield columns[9]
