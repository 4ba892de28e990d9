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
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

from planning.findings import Finding
from planning.settings.scalars import Memory
from planning.signing import Trust
from publishing.layout import Held, content_key, partial_prefix, read_layout, signature_key, signature_prefix
from publishing.proof import pieces
from publishing.signature import SignedFile, Statement
from publishing.store import ARRIVING, Buffer, NotThereError, Store
from publishing.together import Advance, StoppedError, together
from publishing.trusting import Trusted, not_published, trusted
from publishing.verifying import missing, other_bytes

RANGE = 8 * 2**20
"""Bytes that are noted as being on disk, and which a pull that was ended does not fetch again."""

STRETCH = 4 * RANGE
"""Bytes of one request at the most. AWS names 8 to 16 MB and more for large objects ("Performance guidelines for Amazon
S3", "Use byte-range fetches"): several connections at once, none of which begins anew too often."""

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
        _File(number=number, signed=file, path=partial / file.path, there=done.get(number, set()))
        for number, file in enumerate(statement.files)
    ]
    resumed = sum(file.resumed for file in files)
    missing_bytes = statement.total_bytes - resumed
    free = shutil.disk_usage(partial).free
    if free < missing_bytes:
        raise PullError(_full(partial.parent, statement.total_bytes, "has too little room"))
    advance(resumed)
    stop = Event()
    with (partial / _JOURNAL).open("ab", buffering=0) as journal:
        job = _Job(store=store, statement=statement, journal=journal.fileno(), advance=advance, stop=stop)
        try:
            for file in files:
                file.open()
            together(job.fetch, [(file, one) for file in files for one in file.wanted], stop)
            # What an earlier pull left may be damaged by a crash of the machine: it is fetched once more.
            damaged = [file for file in files if not file.right()]
            fresh = [file for file in damaged if not file.resumed]
            if fresh:
                _refuse(store, statement, fresh)
            for file in damaged:
                file.forget()
            again = Event()
            job = _Job(store=store, statement=statement, journal=journal.fileno(), advance=lambda _: None, stop=again)
            together(job.fetch, [(file, one) for file in damaged for one in file.wanted], again)
            if still := [file for file in damaged if not file.right()]:
                _refuse(store, statement, still)
        finally:
            for file in files:
                file.close()
    (partial / _JOURNAL).unlink()
    return missing_bytes + sum(file.signed.size for file in damaged)


def _refuse(store: Store, statement: Statement, wrong: Sequence[_File]) -> None:
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


@dataclass(slots=True, kw_only=True)
class _File:
    """A file that is arriving: its ranges in any order, its hash in the right one."""

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
        """The ranges that are not there, in stretches."""
        stretches: list[range] = []
        for index in range(self.ranges):
            if index in self.there:
                continue
            if stretches and stretches[-1].stop == index and len(stretches[-1]) < STRETCH // RANGE:
                stretches[-1] = range(stretches[-1].start, index + 1)
            else:
                stretches.append(range(index, index + 1))
        return stretches

    def end(self, index: int) -> int:
        return min((index + 1) * RANGE, self.signed.size)

    def length(self, index: int) -> int:
        return self.end(index) - index * RANGE

    def open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.ftruncate(self._descriptor, self.signed.size)

    def close(self) -> None:
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
        something before `begun` is still to come: then whoever brings that hashes on from the disk."""
        if begun > self._hashed:
            return
        with self._lock:
            self._hash_up_to(at)
            self._hash.update(content)
            self._hashed += len(content)

    def catch_up(self) -> None:
        """Hash on, as far as ranges are there."""
        with self._lock:
            while self._hashed < self.signed.size and (index := self._hashed // RANGE) in self.there:
                self._hash_up_to(self.end(index))

    def _hash_up_to(self, end: int) -> None:
        piece = memoryview(bytearray(min(ARRIVING, end - self._hashed)))
        while self._hashed < end:
            read = os.preadv(self._descriptor, [piece[: end - self._hashed]], self._hashed)
            if not read:
                raise OSError(errno.EIO, "somebody cut it off", str(self.path))
            self._hash.update(piece[:read])
            self._hashed += read

    def right(self) -> bool:
        self.catch_up()
        return self._hashed == self.signed.size and self._hash.hexdigest() == self.signed.sha256

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def forget(self) -> None:
        self.there = set()
        self._hashed = 0
        self._hash = hashlib.sha256()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    store: Store
    statement: Statement
    journal: int
    advance: Advance
    stop: Event

    def fetch(self, what: tuple[_File, range]) -> None:
        file, stretch = what
        begun = at = stretch.start * RANGE
        end = min(stretch.stop * RANGE, file.signed.size)
        index = stretch.start
        key = content_key(self.statement.server, self.statement.digest, file.signed.path)
        if self.stop.is_set():
            raise StoppedError
        try:
            for content in self.store.read_range(key, at, end - at):
                if self.stop.is_set():
                    raise StoppedError
                file.write(at, content)
                file.arrived(begun, at, content)
                at += len(content)
                while index < stretch.stop and at >= file.end(index):
                    self._have(file, index)
                    index += 1
        except NotThereError:
            raise RefusedError(missing(self.store, self.statement, file.signed.path)) from None
        if at != end:
            raise RefusedError(other_bytes(self.store, self.statement, file.signed, None))
        file.catch_up()

    def _have(self, file: _File, index: int) -> None:
        os.write(self.journal, _ENTRY.pack(file.number, index))  # after the bytes that it speaks of
        file.there.add(index)
        self.advance(file.length(index))


def _full(at: Path, needed: int, what: str) -> str:
    free = shutil.disk_usage(at).free
    return (
        f"The disk of {at} {what}: {Memory(needed).readable()} are needed, {Memory(free).readable()} are free. Nothing"
        " was left there. Make room, or pull into a directory of another disk."
    )
