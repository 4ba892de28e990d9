"""Uploads that this user began and has not finished, on this machine's disk: one small file each.

A record names an upload in a store, and nothing that lets anybody write to it. It is held, by a lock of the kernel
that ends with its process, as long as its upload is under way: two pushes of one user at once are never in the same
upload. Where no record can be kept (no home, a disk that is full or is only read, a file system without locks), there
is none, and the upload ends with its push.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

KEPT = timedelta(days=7)
"""What is older is given up. The buckets that this program makes end uploads after so long too."""

_MOST_BYTES = 64 * 1024


class Wanted(BaseModel):
    """The object `path` of `place`, of `size` bytes with this SHA-256, in parts of `part_size` bytes. What differs in
    any of these is another upload."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: str
    path: str
    sha256: str
    size: int
    part_size: int

    @property
    def name(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:32]


class Record(BaseModel):
    """`upload` is the store's name of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wanted: Wanted
    upload: str
    begun: datetime


@dataclass(frozen=True, slots=True)
class Unnoted:
    """Nothing is known of an earlier upload, and this one will not be known to the next push."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A record that this push alone holds."""

    path: Path
    descriptor: int

    def read(self) -> Record | None:
        """None where nothing is noted, or what is there is no record: one that was half written, a later version's."""
        try:
            return Record.model_validate_json(os.pread(self.descriptor, _MOST_BYTES, 0))
        except (OSError, ValidationError):
            return None

    def write(self, wanted: Wanted, upload: str) -> bool:
        """Whether it could be noted."""
        record = Record(wanted=wanted, upload=upload, begun=datetime.now(UTC))
        content = record.model_dump_json().encode()
        try:
            os.ftruncate(self.descriptor, 0)
            return os.pwrite(self.descriptor, content, 0) == len(content)
        except OSError:
            return False

    def clear(self) -> None:
        """Emptied before it is removed, for whoever has it open and waits for its lock."""
        try:
            os.ftruncate(self.descriptor, 0)
            self.path.unlink(missing_ok=True)
        except OSError:
            return


def folder() -> Path | None:
    """`uploads` in this user's state (XDG Base Directory Specification: a relative path there is none)."""
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    try:
        root = named if named.is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return root / "tritonup" / "uploads"


@contextmanager
def holding(wanted: Wanted) -> Generator[Noted | Unnoted]:
    """The record of `wanted`; none where another push holds it."""
    root = folder()
    try:
        if root is not None:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        root = None
    if root is None:
        yield Unnoted()
        return
    with _held(root / f"{wanted.name}.json", os.O_CREAT) as record:
        yield record
        if isinstance(record, Noted) and record.read() is None:
            record.clear()


def left(place: str, before: datetime) -> Generator[tuple[Noted, Record]]:
    """The records of `place` begun before then, each held while it is looked at. What is no record is cleared."""
    root = folder()
    for path in sorted(root.glob("*.json")) if root is not None else ():
        with _held(path, 0) as held:
            if isinstance(held, Unnoted):
                continue
            record = held.read()
            if record is None:
                held.clear()
            elif record.wanted.place == place and record.begun < before:
                yield held, record


@contextmanager
def _held(path: Path, how: int) -> Generator[Noted | Unnoted]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | how, 0o600)
    except OSError:
        yield Unnoted()
        return
    try:
        yield Noted(path=path, descriptor=descriptor) if _locked(descriptor) else Unnoted()
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_nlink > 0  # not one that was removed while it was opened here
    except OSError:
        return False
