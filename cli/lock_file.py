"""The image lock as a file: read whole, and replaced whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from planning.images import LOCK_FILE, ImageLock, ImageLockError, load_image_lock, render_image_lock

PACKAGED_LOCK = Path(str(files("planning") / LOCK_FILE))
"""The lock that previews read. In a checkout of this project it is under version control."""


class LockFileError(Exception):
    """The file cannot be read or written. The message names it."""


def read_lock(path: Path) -> ImageLock:
    try:
        return load_image_lock(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LockFileError(f"{path}: there is no such image lock.") from None
    except (OSError, UnicodeDecodeError) as refused:
        raise LockFileError(f"{path} cannot be read: {refused}.") from None
    except ImageLockError as refused:
        lines = "\n".join(f"  {line}" for line in str(refused).splitlines())
        raise LockFileError(f"{path} is not an image lock:\n{lines}") from None


def write_lock(path: Path, lock: ImageLock) -> None:
    """Replace the lock. A process that dies on the way leaves the old one, whole.

    The new text is on disk before it takes the old one's name, and takes it in one step (POSIX `rename`).
    """
    target = path.resolve()
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "wb", dir=target.parent, prefix=f".{target.name}.", suffix=".new", delete=False
        ) as new:
            temporary = Path(new.name)
            new.write(render_image_lock(lock).encode("utf-8"))
            new.flush()
            os.fsync(new.fileno())
        shutil.copymode(target, temporary)
        temporary.replace(target)
    except OSError as refused:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        raise LockFileError(f"{path} cannot be written: {refused.strerror or refused}. It is as it was.") from None
