"""Where the model files lie, and how one is replaced: whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent / "model_repository"
"""The example repository, in Triton's own layout."""


class ModelSourceError(Exception):
    """A model cannot be made. The text is one sentence of what is wrong and one of what to do."""


def write_atomically(target: Path, content: bytes) -> None:
    """Put `content` at `target`; until it is complete, whatever was there stays.

    Raises `ModelSourceError` if the disk is full or the place cannot be written, and leaves nothing behind.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise _cannot_write(target, len(content), error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner reads; a server runs as another user.
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise _cannot_write(target, len(content), error) from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _cannot_write(target: Path, size: int, error: OSError) -> ModelSourceError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelSourceError(
            f"{target}: no space left for its {size / 2**20:.0f} MiB. Free some there and run it again."
        )
    return ModelSourceError(f"{target}: cannot be written ({error.strerror}). Make its folder writable.")
