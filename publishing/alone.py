"""One process at a time in a directory, whoever they are; the others wait."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(directory: Path) -> Generator[None]:
    """Ends with the process, too: a lock that nobody holds is never left behind."""
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
