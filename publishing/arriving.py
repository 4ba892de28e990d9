"""A file while it is fetched: its ranges come in any order, and are hashed in the right one.

Each range is noted once it is on disk, so that a pull that was ended does not fetch it again. A request is for a
stretch of ranges.
"""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from publishing.signature import SignedFile
from publishing.store import ARRIVING, Buffer

RANGE = 8 * 2**20
"""Bytes that are noted as being on disk, and which a pull that was ended does not fetch again."""

STRETCH = 2 * RANGE
"""Bytes of one request at the most, and of the parts in which all but the largest files are pushed. AWS: "typical sizes
for byte-range requests are 8 MB or 16 MB", "at least aligned to part boundaries" (whitepaper "Best practices design
patterns: optimizing Amazon S3 performance", "Use byte-range fetches")."""


@dataclass(slots=True, kw_only=True)
class ArrivingFile:
    """`number` is its place in the statement; `there` are the ranges that an earlier pull noted, none where the file is
    not as that left it."""

    number: int
    signed: SignedFile
    path: Path
    there: set[int]
    resumed: int = field(init=False)
    _hashed: int = 0  # bytes
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)  # pyright: ignore[reportPrivateUsage] - typeshed's name of the type
    _lock: Lock = field(default_factory=Lock)
    _descriptor: int = -1

    def __post_init__(self) -> None:
        self.there = {index for index in self.there if index < self.ranges} if self._kept() else set()
        self.resumed = sum(self.length(index) for index in self.there)

    def _kept(self) -> bool:
        try:
            return self.path.stat().st_size == self.signed.size
        except FileNotFoundError:
            return False

    @property
    def ranges(self) -> int:
        return -(-self.signed.size // RANGE)

    @property
    def wanted(self) -> list[range]:
        """The ranges that are not there, in stretches; an empty one where all are: the file is to be hashed all the
        same, and one without bytes to be made."""
        stretches: list[range] = []
        for index in range(self.ranges):
            if index in self.there:
                continue
            if stretches and stretches[-1].stop == index and len(stretches[-1]) < STRETCH // RANGE:
                stretches[-1] = range(stretches[-1].start, index + 1)
            else:
                stretches.append(range(index, index + 1))
        return stretches or [range(0)]

    def bounds(self, stretch: range) -> tuple[int, int]:
        """Of the stretch's bytes: the first, and the one after the last."""
        return stretch.start * RANGE, self.end(stretch.stop - 1) if stretch else 0

    def end(self, index: int) -> int:
        return min((index + 1) * RANGE, self.signed.size)

    def length(self, index: int) -> int:
        return self.end(index) - index * RANGE

    def open(self) -> None:
        """Where it is not. It is closed when all of it is hashed: a repository may have more files than a process may
        open."""
        if self._descriptor >= 0:
            return  # without waiting for who hashes
        with self._lock:
            if self._descriptor < 0:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                os.ftruncate(self._descriptor, self.signed.size)

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def write(self, at: int, content: Buffer) -> None:
        view = memoryview(content)
        while view:
            written = os.pwrite(self._descriptor, view, at)
            at, view = at + written, view[written:]

    def arrived(self, begun: int, at: int, content: Buffer) -> None:
        """All from `begun` on is on disk, `content` at its end, which is hashed while it is in memory. Not so where
        something before `begun` is still to come, or somebody hashes on from the disk: then that goes on with it."""
        if begun > self._hashed or not self._lock.acquire(blocking=False):
            return
        try:
            self._hash_up_to(at)
            self._hash.update(content)
            self._hashed += len(content)
        finally:
            self._lock.release()

    def catch_up(self) -> None:
        """Hash on, as far as ranges are there. Nobody waits for who hashes already: that one looks again afterwards."""
        while self._more and self._lock.acquire(blocking=False):
            try:
                while self._more:
                    self._hash_up_to(self.end(self._hashed // RANGE))
            finally:
                self._lock.release()
        if self._hashed == self.signed.size:
            self.close()

    @property
    def _more(self) -> bool:
        return self._hashed < self.signed.size and self._hashed // RANGE in self.there

    def _hash_up_to(self, end: int) -> None:
        piece = memoryview(bytearray(min(ARRIVING, end - self._hashed)))
        while self._hashed < end:
            read = os.preadv(self._descriptor, [piece[: end - self._hashed]], self._hashed)
            if not read:
                raise OSError(errno.EIO, "somebody cut it off", str(self.path))
            self._hash.update(piece[:read])
            self._hashed += read

    @property
    def right(self) -> bool:
        return self._hashed == self.signed.size and self._hash.hexdigest() == self.signed.sha256

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def forget(self) -> None:
        self.there = set()
        self._hashed = 0
        self._hash = hashlib.sha256()
