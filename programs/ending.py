"""How a program ends in a container: it says why in its log and in the pod's status, and ends at once when told."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import NoReturn

TERMINATION_LOG = Path("/dev/termination-log")
"""Kubernetes' default `terminationMessagePath`. The kubelet makes the file, for whatever user."""

LONGEST_MESSAGE = 4096
"""Bytes of it that the kubelet reads (kubernetes.io, "Determine the Reason for Pod Failure")."""

REFUSED, CANNOT = 1, 2
"""Exit statuses: what there is is not what it should be; it cannot be done at all."""


def failed(status: int, why: str) -> int:
    print(why, file=sys.stderr, flush=True)
    with suppress(OSError):
        if TERMINATION_LOG.exists():
            TERMINATION_LOG.write_bytes(why.encode()[:LONGEST_MESSAGE])
    return status


def end_when_told() -> None:
    """On SIGTERM, at once: what is on disk can be gone on with. A container's first process ignores the signal unless
    it asks for it, and Python's own handlers wait until a request has been answered."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def wait() -> NoReturn:
        os._exit(128 + signal.sigwait({signal.SIGTERM}))

    Thread(target=wait, daemon=True, name="sigterm").start()
