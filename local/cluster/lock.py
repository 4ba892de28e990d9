"""One command at a time for what two would spoil."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager

from local.cluster.errors import ClusterError

WAITS_S = 2.0
"""A command that is killed while it starts another leaves the name to that one until it is another program."""


@contextmanager
def alone(what: str) -> Generator[None]:
    """Only one command of this machine does `what`, such as "changing the cluster", at a time; ClusterError in any
    other. The lock is a name in the machine's network (an abstract socket, unix(7)), where what a cluster makes has its
    names too: it leaves no file and ends with its holder."""
    with socket.socket(socket.AF_UNIX) as lock:
        deadline = time.monotonic() + WAITS_S
        while not _bound(lock, f"\0tritonup {what}"):
            if time.monotonic() > deadline:
                raise ClusterError(f"Another command is {what} now. Wait for its end, then retry.")
            time.sleep(0.05)
        yield


def _bound(lock: socket.socket, name: str) -> bool:
    try:
        lock.bind(name)
    except OSError as refused:
        if refused.errno != errno.EADDRINUSE:
            raise
        return False
    return True
