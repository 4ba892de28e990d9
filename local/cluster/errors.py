"""Why there is no cluster."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager


class ClusterError(Exception):
    """One message for the user: what is wrong with which value, and what to do about it."""


@contextmanager
def full_disks_told() -> Generator[None]:
    """ClusterError where there is no room for a file (or the user may not use more of it)."""
    try:
        yield
    except OSError as refused:
        if refused.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        file = f" for {refused.filename}" if refused.filename else ""
        raise ClusterError(
            f"The disk is full: there is no room{file}. Make room and run the command again."
        ) from refused
