"""push: what a server serves, to its place, immutable and signed.

Every object is written on condition that nothing is there, or is proven to be the very file; the signature is written
last. So two pushes at once write the same, a push that was killed is continued by the next (`uploading`: within a large
file too), and a half push is never taken for a whole one. What another published digest holds already is copied within
the store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from threading import Event

from planning.repository.served import ServedFile, ServedSet, Stored
from planning.signing import Trust
from publishing.begun import Wanted
from publishing.keys import SigningKey
from publishing.layout import Held, Identity, content_key, read_layout, signature_key
from publishing.parts import Parts
from publishing.proof import ONE_PART, Sums, part_size, pieces, stored_sha256, sums_of
from publishing.signature import sign, statement_of
from publishing.store import AlreadyThereError, NotThereError, Store, StoredObject, StoreError
from publishing.together import Advance, StoppedError, together
from publishing.trusting import Trusted, trusted
from publishing.uploading import give_up_old, upload

FILES_AT_ONCE = 6
"""Each file of more than one part has several requests under way itself."""

LARGEST_COPY = 5 * 10**9
"""What S3 copies by one request (API reference, CopyObject: "up to 5 GB")."""

NEWEST = 20
"""Published digests that are looked through for files to copy, the newest ones."""


class PushError(Exception):
    """The push cannot go on. What is there already stays, and the next push continues."""


class How(StrEnum):
    PRESENT = "present"
    """The object was there."""
    COPIED = "copied"
    """It was copied from another digest within the store."""
    SENT = "sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What became of a server's files, in files and bytes. `already`: it was published before, and nothing was
    written. `kept` bytes of what was sent had come with an earlier push that was ended, and did not travel again."""

    server: str
    digest: str
    url: str
    already: bool
    signed_by: str
    files: Mapping[How, int]
    bytes: Mapping[How, int]
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    how: How
    kept: int = 0


def push(
    store: Store, server: str, served: ServedSet, key: SigningKey, trust: Trust, advance: Advance = lambda _: None
) -> Pushed:
    """Publish `served` as what `server` serves. PushError or StoreError where that fails."""
    try:
        statement = statement_of(server, served)
    except ValueError as refused:
        raise PushError(f"{refused}.") from None
    layout = read_layout(store.list())
    held = layout.get((server, served.digest), Held(server=server, digest=served.digest))
    _nothing_else(store, held, served)
    signed = trusted(store, held, trust)
    url = store.at(f"{server}/{served.digest}")
    if isinstance(signed, Trusted) and _complete(held, served):
        advance(served.total_bytes)
        there = [_Placed(how=How.PRESENT)] * len(served.files)
        return _pushed(server, served, url, there, signed.name, already=True)
    parts = store.parts()
    if parts is not None:
        give_up_old(parts, datetime.now(UTC))
    sources = _sources(store, layout, trust, but=(server, served.digest))
    stop = Event()
    job = _Job(
        store=store,
        parts=parts,
        server=server,
        digest=served.digest,
        held=held,
        sources=sources,
        advance=advance,
        stop=stop,
    )
    placed = together(job.place, served.files, stop, FILES_AT_ONCE)
    if not isinstance(signed, Trusted):
        try:
            store.create(signature_key(server, served.digest, key.public.fingerprint), sign(statement, key))
        except AlreadyThereError:
            _same_signature(store, server, served.digest, trust)
    name = signed.name if isinstance(signed, Trusted) else trust.name(key.public.fingerprint)
    return _pushed(server, served, url, placed, name, already=False)


def _same_signature(store: Store, server: str, digest: str, trust: Trust) -> None:
    """A push beside this one, with the same key, was first; or there is something else in that place."""
    held = read_layout(store.list(server)).get((server, digest), Held(server=server, digest=digest))
    signed = trusted(store, held, trust)
    if not isinstance(signed, Trusted):
        raise PushError("\n".join(map(str, signed)))


def _nothing_else(store: Store, held: Held, served: ServedSet) -> None:
    """Triton would load what lies there beside our files."""
    strangers = sorted(held.files.keys() - {file.path.as_posix() for file in served.files})
    if strangers:
        raise PushError(
            f"{store.at(content_key(held.server, held.digest, strangers[0]))} is no file of this digest"
            f"{f', nor are {len(strangers) - 1} others' if len(strangers) > 1 else ''}. Somebody put it there: find out"
            " who, and remove it."
        )


def _complete(held: Held, served: ServedSet) -> bool:
    return {path: one.size for path, one in held.files.items()} == {
        file.path.as_posix(): file.size for file in served.files
    }


def _sources(store: Store, layout: Mapping[Identity, Held], trust: Trust, but: Identity) -> Mapping[str, Sequence[str]]:
    """Objects of other digests that trusted keys signed, by the SHA-256 that they are said to have."""
    published = [held for identity, held in layout.items() if held.published and identity != but]
    published.sort(key=lambda held: held.changed, reverse=True)
    found: dict[str, list[str]] = defaultdict(list)
    statements = together(lambda held: trusted(store, held, trust), published[:NEWEST], Event())
    for held, signed in zip(published, statements, strict=False):
        if isinstance(signed, Trusted):
            for file in signed.statement.files:
                if file.path in held.files:
                    found[file.sha256].append(content_key(held.server, held.digest, file.path))
    return found


def _pushed(
    server: str, served: ServedSet, url: str, placed: Sequence[_Placed], signed_by: str, *, already: bool
) -> Pushed:
    hows = [one.how for one in placed]
    files = {how: hows.count(how) for how in How}
    sizes = {how: sum(file.size for file, its in zip(served.files, hows, strict=True) if its is how) for how in How}
    return Pushed(
        server=server,
        digest=served.digest,
        url=url,
        already=already,
        signed_by=signed_by,
        files=files,
        bytes=sizes,
        kept=sum(one.kept for one in placed),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    store: Store
    parts: Parts | None
    server: str
    digest: str
    held: Held
    sources: Mapping[str, Sequence[str]]
    advance: Advance
    stop: Event

    def place(self, file: ServedFile) -> _Placed:
        """Have `file` in its place, in the cheapest way that is certain."""
        if self.stop.is_set():
            raise StoppedError
        path = file.path.as_posix()
        target = content_key(self.server, self.digest, path)
        if isinstance(file.source, Stored):
            return _Placed(how=self._engine(file, file.source.path, target))
        try:
            if (there := self.held.files.get(path)) is not None:
                self._prove(file, target, there)
                how = How.PRESENT
            elif self._copied(file, target):
                how = How.COPIED
            else:
                return self._send(file, target)
        except OSError as refused:
            raise PushError(f"{file.source} cannot be read: {refused.strerror}.") from None
        self.advance(file.size)
        return _Placed(how=how)

    def _engine(self, file: ServedFile, source: str, target: str) -> How:
        """What only the store has is copied there, and read back: nothing here says what its bytes are but their
        digest. Where it was copied before, it is read all the same."""
        how = How.PRESENT
        if file.path.as_posix() not in self.held.files:
            if file.size > LARGEST_COPY:
                raise PushError(f"{self.store.at(source)} has more than {LARGEST_COPY} bytes, and stores copy no more.")
            try:
                self.store.copy(source, target)
            except NotThereError:
                raise PushError(
                    f"{self.store.at(source)} is not there, an engine that the repository's lock names. Push to the"
                    " destination that it was built in, or take it out of engines.lock.json and build it again."
                ) from None
            how = How.COPIED
        if stored_sha256(self.store, target) != file.sha256:
            raise PushError(self._other(target))
        self.advance(file.size)
        return how

    def _copied(self, file: ServedFile, target: str) -> bool:
        """Only from an object that is proven to be this file, and only where the store can prove it."""
        for source in self.sources.get(file.sha256, ()):
            there = self.store.head(source) if file.size <= LARGEST_COPY else None
            if there is None or there.size != file.size or there.e_tag not in self._sums(file).tags:
                continue
            try:
                self.store.copy(source, target)
            except StoreError:
                continue
            if (copy := self.store.head(target)) is None:
                continue
            self._prove(file, target, copy)
            return True
        return False

    def _send(self, file: ServedFile, target: str) -> _Placed:
        sums = Sums(file.size)
        kept = 0
        try:
            if file.size <= ONE_PART:
                content = _here(file).read_bytes()
                sums.add(content)
                self._unchanged(file, sums)
                e_tag = self.store.create(target, content)
                self.advance(file.size)
            elif self.parts is not None:
                wanted = Wanted(
                    place=self.parts.place,
                    path=target,
                    sha256=file.sha256,
                    size=file.size,
                    part_size=part_size(file.size),
                )
                sent = upload(self.store, self.parts, wanted, partial(self._pieces, file), self.advance)
                sums, e_tag, kept = sent.sums, sent.e_tag, sent.kept
            else:
                e_tag = self.store.upload(target, self._told(self._pieces(file, sums)), part_size(file.size))
        except AlreadyThereError:
            there = self.store.head(target)
            if there is None:
                raise PushError(f"{self.store.at(target)} comes and goes: is it being removed?") from None
            self._prove(file, target, there)
            self.advance(file.size)
            return _Placed(how=How.PRESENT)
        if e_tag not in sums.tags:
            self._read_back(file, target)
        return _Placed(how=How.SENT, kept=kept)

    def _pieces(self, file: ServedFile, sums: Sums) -> Iterator[bytes]:
        for piece in pieces(_here(file), part_size(file.size)):
            if self.stop.is_set():
                raise StoppedError
            sums.add(piece)
            yield piece
        self._unchanged(file, sums)  # the object comes into being only after the last of its pieces

    def _told(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            self.advance(len(piece))

    def _unchanged(self, file: ServedFile, sums: Sums) -> None:
        if (sums.sha256, sums.seen) != (file.sha256, file.size):
            raise PushError(f"{file.source} was changed while it was pushed. Push again.")

    def _sums(self, file: ServedFile) -> Sums:
        sums = sums_of(_here(file), file.size)
        self._unchanged(file, sums)
        return sums

    def _prove(self, file: ServedFile, target: str, there: StoredObject) -> None:
        if there.size == file.size:
            if there.e_tag in self._sums(file).tags:
                return
            self._read_back(file, target)
        else:
            raise PushError(self._other(target))

    def _read_back(self, file: ServedFile, target: str) -> None:
        if stored_sha256(self.store, target) != file.sha256:
            raise PushError(self._other(target))

    def _other(self, target: str) -> str:
        return (
            f"{self.store.at(target)} is not the file that belongs there. It was not overwritten: find out who put it"
            " there, remove it, and push again."
        )


def _here(file: ServedFile) -> Path:
    assert isinstance(file.source, Path)  # an engine takes its own way
    return file.source
