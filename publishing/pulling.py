"""pull: a published digest into a directory, whole or not at all.

The signature is verified before any file is fetched. Files come in stretches, many at a time, into
`<directory>/<server>/.<digest>.partial`, and are hashed while they arrive; only when every one is right does that
directory get its name, in one step. A pull that was ended goes on where it was. `<directory>` has the layout of a
destination, and is one: `file:///directory`.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import struct
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from planning.findings import Finding
from planning.settings.quantities import Memory
from planning.signing import Trust
from publishing.arriving import ArrivingFile
from publishing.connections import Moved, transfer
from publishing.layout import Held, content_key, partial_prefix, read_layout, signature_key, signature_prefix
from publishing.proof import pieces
from publishing.signature import SignedFile, Statement
from publishing.store import NotThereError, Store
from publishing.together import Advance, StoppedError, together
from publishing.trusting import Trusted, not_published, trusted
from publishing.verifying import missing, other_bytes

_ENTRY = struct.Struct(">II")
"""A range that is on disk: the file's place in the statement, the range's in the file."""

_JOURNAL = ".ranges"

_FULL = {errno.ENOSPC, errno.EDQUOT}


class PullError(Exception):
    """The pull cannot go on. Nothing half done carries the digest's name."""


class RefusedError(PullError):
    """What is published is not what was signed."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """`fetched` bytes came from the store, `resumed` were there from an earlier pull. `already`: all of it was."""

    server: str
    digest: str
    directory: Path
    signed_by: str
    already: bool
    fetched: int
    resumed: int


def pull(store: Store, server: str, digest: str, into: Path, trust: Trust, advance: Advance = lambda _: None) -> Pulled:
    """Have what is published as `server`/`digest` in `into`. RefusedError, PullError or StoreError where not."""
    held = _held(store, server, digest)
    signed = trusted(store, held, trust) if held else not_published(store, server, digest)
    if not isinstance(signed, Trusted):
        raise RefusedError(*signed)
    final = into / server / digest
    partial = into / partial_prefix(server, digest)
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        with _alone(partial, final):
            already = final.exists()
            if already:
                _as_signed(final, signed.statement, advance)
            with _kept(signed.bundle, into / signature_key(server, digest, signed.fingerprint), partial):
                fetched = 0 if already else _fetch(store, signed.statement, partial, advance)
                if not already:
                    partial.rename(final)
    except OSError as refused:
        if refused.errno not in _FULL:
            raise PullError(f"{refused.filename or partial} cannot be written: {refused.strerror}.") from None
        raise PullError(_full(into, signed.statement.total_bytes, "filled up on the way")) from None
    return _pulled(final, signed, already=already, fetched=fetched)


def _held(store: Store, server: str, digest: str) -> Held | None:
    """What is held of a digest: its signatures alone where there are any, whatever else the server has."""
    for prefix in (signature_prefix(server, digest), server):
        if held := read_layout(store.list(prefix)).get((server, digest)):
            return held
    return None


@contextmanager
def _kept(signature: bytes, at: Path, partial: Path) -> Generator[None]:
    """The signature `at` its place after the files are at theirs. Its room is taken before: a disk that fills up then
    must not leave files without it. Nothing of either is left where what comes is refused or has no room."""
    waiting = partial.with_suffix(".signature")
    try:
        waiting.write_bytes(signature)
        at.parent.mkdir(parents=True, exist_ok=True)
        yield
        waiting.replace(at)
    except (PullError, OSError) as failed:
        if isinstance(failed, PullError) or failed.errno in _FULL:
            shutil.rmtree(partial, ignore_errors=True)
            waiting.unlink(missing_ok=True)
            for folder in (at.parent, at.parent.parent):
                with suppress(OSError):  # another digest's signatures are there
                    folder.rmdir()
        raise


def _pulled(final: Path, signed: Trusted, *, already: bool, fetched: int) -> Pulled:
    statement = signed.statement
    return Pulled(
        server=statement.server,
        digest=statement.digest,
        directory=final,
        signed_by=signed.name,
        already=already,
        fetched=fetched,
        resumed=statement.total_bytes - fetched,
    )


@contextmanager
def _alone(partial: Path, final: Path) -> Generator[None]:
    """One pull of a digest into a directory at a time; another waits, and then finds it done. The lock is on the
    directory itself and goes with it when it gets its name."""
    while True:
        if not final.exists():
            partial.mkdir(exist_ok=True)
        try:
            directory = os.open(final if final.exists() else partial, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            if final.exists() or partial.exists():
                yield
                return
        finally:
            os.close(directory)


def _as_signed(final: Path, statement: Statement, advance: Advance) -> None:
    """PullError where the directory is not what was signed: it is not touched."""

    def check(file: SignedFile) -> str | None:
        whole = hashlib.sha256()
        try:
            for piece in pieces(final / file.path):
                whole.update(piece)
        except FileNotFoundError:
            return file.path
        advance(file.size)
        return None if whole.hexdigest() == file.sha256 else file.path

    wrong = [path for path in together(check, statement.files, Event()) if path]
    there = {path.relative_to(final).as_posix() for path in final.rglob("*") if not path.is_dir()}
    wrong += sorted(there - {file.path for file in statement.files})
    if wrong:
        raise PullError(f"{final / wrong[0]} is not what was signed. Remove {final}, and pull again.")


def _fetch(store: Store, statement: Statement, partial: Path, advance: Advance) -> int:
    done = _journal(partial / _JOURNAL, statement)
    files = [
        ArrivingFile(number=number, signed=file, path=partial / file.path, there=done.get(number, set()))
        for number, file in enumerate(statement.files)
    ]
    resumed = sum(file.resumed for file in files)
    missing_bytes = statement.total_bytes - resumed
    free = shutil.disk_usage(partial).free
    if free < missing_bytes:
        raise PullError(_full(partial.parent, statement.total_bytes, "has too little room"))
    advance(resumed)
    with (partial / _JOURNAL).open("ab", buffering=0) as journal:
        job = _Job(store=store, statement=statement, journal=journal.fileno(), advance=advance)
        try:
            job.fetch(files)
            # What an earlier pull left may be damaged by a crash of the machine: it is fetched once more.
            damaged = [file for file in files if not file.right]
            fresh = [file for file in damaged if not file.resumed]
            if fresh:
                _refuse(store, statement, fresh)
            for file in damaged:
                file.forget()
            if damaged:
                job = _Job(store=store, statement=statement, journal=journal.fileno(), advance=lambda _: None)
                job.fetch(damaged)
            if still := [file for file in damaged if not file.right]:
                _refuse(store, statement, still)
        finally:
            for file in files:
                file.close()
    (partial / _JOURNAL).unlink()
    return missing_bytes + sum(file.signed.size for file in damaged)


def _refuse(store: Store, statement: Statement, wrong: Sequence[ArrivingFile]) -> None:
    raise RefusedError(*(other_bytes(store, statement, file.signed, file.sha256) for file in wrong))


def _journal(path: Path, statement: Statement) -> Mapping[int, set[int]]:
    """The ranges that are on disk. A last entry that is cut off does not count."""
    found: dict[int, set[int]] = {}
    with suppress(FileNotFoundError):
        text = path.read_bytes()
        whole = len(text) - len(text) % _ENTRY.size
        for number, index in _ENTRY.iter_unpack(text[:whole]):
            if number < len(statement.files):
                found.setdefault(number, set()).add(index)
        if whole != len(text):
            os.truncate(path, whole)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    store: Store
    statement: Statement
    journal: int
    advance: Advance
    stop: Event = field(default_factory=Event)

    def fetch(self, files: Iterable[ArrivingFile]) -> None:
        """All of them that is not there, hashed to their ends. The largest first: each is hashed from its beginning to
        its end, by one at a time, while the rest arrives."""
        largest = sorted(files, key=lambda file: -file.signed.size)
        transfer(self._fetch, [(file, stretch) for file in largest for stretch in file.wanted], self.stop)

    def _fetch(self, what: tuple[ArrivingFile, range]) -> Moved:
        file, stretch = what
        begun, end = file.bounds(stretch)
        at = begun
        waited = 0.0
        index = stretch.start
        key = content_key(self.statement.server, self.statement.digest, file.signed.path)
        file.open()
        try:
            asked = time.monotonic()
            for content in self.store.read_range(key, at, end - at) if stretch else ():
                waited += time.monotonic() - asked
                if self.stop.is_set():
                    raise StoppedError
                file.write(at, content)
                file.arrived(begun, at, content)
                at += len(content)
                while index < stretch.stop and at >= file.end(index):
                    self._have(file, index)
                    index += 1
                asked = time.monotonic()
        except NotThereError:
            raise RefusedError(missing(self.store, self.statement, file.signed.path)) from None
        if at != end:
            raise RefusedError(other_bytes(self.store, self.statement, file.signed, None))
        file.catch_up()
        return Moved(end - begun, waited)

    def _have(self, file: ArrivingFile, index: int) -> None:
        os.write(self.journal, _ENTRY.pack(file.number, index))  # after the bytes that it speaks of
        file.there.add(index)
        self.advance(file.length(index))


def _full(at: Path, needed: int, what: str) -> str:
    free = shutil.disk_usage(at).free
    return (
        f"The disk of {at} {what}: {Memory(needed).readable()} are needed, {Memory(free).readable()} are free. Nothing"
        " was left there. Make room, or pull into a directory of another disk."
    )
