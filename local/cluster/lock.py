"""One command at a time for what two would spoil."""

from __future__ import annotations

import errno
import socket
from collections.abc import Generator
from contextlib import contextmanager

from local.cluster.errors import ClusterError


@contextmanager
def alone(what: str) -> Generator[None]:
    """Only one command of this machine does `what`, such as "changing the cluster", at a time; ClusterError in any
    other. The lock is a name in the machine's network (an abstract socket, unix(7)), where what a cluster makes has its
    names too: it leaves no file and ends with its holder."""
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(f"\0tritonup {what}")
        except OSError as refused:
            if refused.errno != errno.EADDRINUSE:
                raise
            raise ClusterError(f"Another command is {what} now. Wait for its end, then retry.") from None
        yield
