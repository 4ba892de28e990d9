"""Whether an object in a store is a file of ours, without bringing it here where the store can prove that.

S3's entity tag is the MD5 of what was written, or the MD5 of the parts' MD5s with their number (AWS, "Checking object
integrity", "Using Content-MD5 and ETags"); Google's XML interface does the same for objects written at once. Not so
with encryption by KMS keys, for objects that Google put together from parts, and for directories: there the object is
read back and its SHA-256 compared. MD5 is good enough for this: an attacker would need a second preimage.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from publishing.store import Store

PIECE = 8 * 2**20
"""Least part of an upload, and what is read at a time."""

ONE_PART = 16 * 2**20
"""A file up to this size is written by one request, on condition that nothing is there yet."""

_MOST_PARTS = 9_000
"""S3 takes 10,000 parts ("Amazon S3 multipart upload limits")."""


def part_size(size: int) -> int:
    """The parts in which a file of `size` bytes is uploaded: whole pieces, so that it is the same for everyone."""
    return PIECE * max(2, -(-size // (_MOST_PARTS * PIECE)))


@dataclass(slots=True)
class Sums:
    """Checksums of a file, piece by piece."""

    size: int
    _sha256: hashlib._Hash = field(default_factory=hashlib.sha256)  # pyright: ignore[reportPrivateUsage] - typeshed's name of the type
    _md5: hashlib._Hash = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))  # pyright: ignore[reportPrivateUsage]
    _parts: list[bytes] = field(default_factory=list[bytes])
    _part: bytearray = field(default_factory=bytearray)
    _seen: int = 0

    def add(self, piece: bytes) -> None:
        self._sha256.update(piece)
        self._md5.update(piece)
        self._seen += len(piece)
        if self.size > ONE_PART:
            self._part += piece
            whole = part_size(self.size)
            while len(self._part) >= whole:
                self._parts.append(_md5(self._part[:whole]))
                del self._part[:whole]

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def seen(self) -> int:
        return self._seen

    @property
    def tags(self) -> frozenset[str]:
        """The entity tags that a store gives to these bytes: written at once (or copied), and written in parts."""
        tags = {self._md5.hexdigest()}
        if self.size > ONE_PART:
            parts = [*self._parts, *([_md5(self._part)] if self._part else [])]
            tags.add(f"{_md5(b''.join(parts)).hex()}-{len(parts)}")
        return frozenset(tags)


def tells_content(e_tag: str | None) -> bool:
    """Whether the tag looks like one that is made of the content. One that is, and is another, proves a difference
    only where parts of our size were used, so that what does not match is read back."""
    return e_tag is not None and re.fullmatch(r"[0-9a-f]{32}(-\d+)?", e_tag) is not None


def pieces(path: Path, size: int | None = None) -> Iterator[bytes]:
    """A file's bytes, `size` at a time, or as many as are read at a time."""
    with path.open("rb") as file:
        while piece := file.read(size or PIECE):
            yield piece


def sums_of(path: Path, size: int) -> Sums:
    sums = Sums(size)
    for piece in pieces(path):
        sums.add(piece)
    return sums


def stored_sha256(store: Store, path: str) -> str:
    """By reading all of the object."""
    whole = hashlib.sha256()
    for piece in store.stream(path):
        whole.update(piece)
    return whole.hexdigest()


def _md5(content: bytes | bytearray) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()
