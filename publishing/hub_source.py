"""What every hub of models is to this program: a list of files at a revision that cannot move, and a way to each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from planning.repository.hub_lock import inside
from publishing.proof import pieces
from publishing.together import Advance


class HubError(Exception):
    """The files cannot be had, or are not those that they should be."""


@dataclass(frozen=True, slots=True)
class Sha256:
    """SHA-256 of the content, hex."""

    hex: str


@dataclass(frozen=True, slots=True)
class GitBlob:
    """Git's own hash of the content, hex: SHA-1 with the size before it."""

    hex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file as its hub lists it: `path` in the source, `size` in bytes, and by what its content is known, which some
    hubs do not say of every file. HubError where the path leads out of the source."""

    path: str
    size: int
    content: Sha256 | GitBlob | None

    def __post_init__(self) -> None:
        try:
            inside(self.path)
        except ValueError as refused:
            raise HubError(f"The hub lists a file whose path {self.path!r} {refused}.") from None


class Source(Protocol):
    """Printed as it is named on the command line and in the lock."""

    @property
    def place(self) -> PurePosixPath:
        """Where its files lie below the cache: another revision lies elsewhere."""
        ...

    def listed(self) -> Sequence[Listed]:
        """HubError where the hub does not say."""
        ...

    def fetch(self, file: Listed, into: Path, advance: Advance) -> None:
        """Have `file` at its path below `into`, whole or not at all; goes on where an earlier fetch was ended.
        HubError where not."""
        ...


def sha256_of(source: Source, file: Listed, at: Path) -> str:
    """The SHA-256 of what came, which is what the hub lists. HubError where not, and then it is gone."""
    size = at.stat().st_size
    sha256 = hashlib.sha256()
    git = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for piece in pieces(at):
        sha256.update(piece)
        git.update(piece)
    match file.content:
        case Sha256(hex=listed):
            right = sha256.hexdigest() == listed
        case GitBlob(hex=listed):
            right = git.hexdigest() == listed
        case None:
            right = True
    if not right or size != file.size:
        at.unlink()
        raise HubError(f"{file.path} of {source} did not come as the hub lists it. Nothing was changed: try again.")
    return sha256.hexdigest()
