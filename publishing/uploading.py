"""A large file on its way into a store, in parts; the next push goes on with it where this one is ended.

No push ever touches another's upload. Uploads are not looked for in the store: only a record on this machine (`begun`)
names one, and a record is one push's alone as long as that push lasts. So pushes at once of the same file make uploads
of their own. The object comes into being when the first of them is finished, on condition that nothing is there; the
others are refused, prove that what is there is the very file, and give theirs up.

An upload can still end without its push: by a bucket's lifecycle rule, by hand, by a home whose locks do not hold. Then
the store says so, at whichever request comes next, and the file is looked for, or begun anew, once. What the
store has of an upload counts only where its own checksums are those of the file here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from publishing.begun import KEPT, Noted, Unnoted, Wanted, holding, left
from publishing.parts import GoneError, Part, Parts
from publishing.proof import Sums
from publishing.store import PARTS_AT_ONCE, AlreadyThereError, Store, StoreError
from publishing.together import Advance, StoppedError

Pieces = Callable[[Sums], Iterator[bytes]]
"""Reads a file from its start, each piece a part, and adds up its checksums."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became an object with the tag `e_tag`. `kept` bytes of it were there from an earlier push, and did not
    travel."""

    sums: Sums
    e_tag: str | None
    kept: int


def upload(store: Store, parts: Parts, wanted: Wanted, pieces: Pieces, advance: Advance) -> Sent:
    """Make the object `wanted` of `pieces`, or raise AlreadyThereError.

    Where the store fails, another transfer does, or the file cannot be read, what was sent stays there for the next
    push. Whatever else `pieces` raise says that this is not the file: then it is given up.
    """
    with holding(wanted) as record:
        tries = 2
        while True:
            tries -= 1
            try:
                return _upload(parts, wanted, record, pieces, advance)
            except GoneError as gone:
                if store.head(wanted.path) is not None:
                    raise AlreadyThereError(f"{store.at(wanted.path)} is there already.") from None
                if not tries:
                    raise StoreError(f"{gone} Twice: look for who does that, and push again.") from None


def give_up_old(parts: Parts, now: datetime) -> None:
    """Uploads of this user's that no push went on with for long. One that cannot be given up now stays noted."""
    for record, known in left(parts.place, now - KEPT):
        with suppress(StoreError):
            parts.give_up(known.wanted.path, known.upload)
            record.clear()


def _upload(parts: Parts, wanted: Wanted, record: Noted | Unnoted, pieces: Pieces, advance: Advance) -> Sent:
    earlier = _earlier(parts, wanted, record)
    if earlier is None:
        name, there = parts.begin(wanted.path), dict[int, Part]()
        noted = isinstance(record, Noted) and record.write(wanted, name)
    else:
        (name, there), noted = earlier, True
    sums = Sums(wanted.size)
    told = 0

    def tell(amount: int) -> None:
        nonlocal told
        told += amount
        advance(amount)

    try:
        done, kept = _send(parts, wanted.path, name, there, pieces(sums), tell)
        e_tag = parts.finish(wanted.path, name, [done[number] for number in sorted(done)])
    except BaseException as ended:
        if not (noted and _may_go_on(ended)):
            with suppress(StoreError):
                parts.give_up(wanted.path, name)
                _clear(record)
        advance(-told)
        raise
    _clear(record)
    return Sent(sums=sums, e_tag=e_tag, kept=kept)


def _may_go_on(ended: BaseException) -> bool:
    if isinstance(ended, GoneError | AlreadyThereError):
        return False
    return isinstance(ended, StoreError | StoppedError | OSError) or not isinstance(ended, Exception)


def _earlier(parts: Parts, wanted: Wanted, record: Noted | Unnoted) -> tuple[str, Mapping[int, Part]] | None:
    """The upload that an ended push of this user's has begun, and what the store has of it."""
    known = record.read() if isinstance(record, Noted) else None
    if known is None or known.wanted != wanted:
        return None
    try:
        return known.upload, parts.there(wanted.path, known.upload)
    except StoreError:  # it is gone, or these credentials may not look: without the store's word nothing counts
        with suppress(StoreError):
            parts.give_up(wanted.path, known.upload)
        return None


def _send(
    parts: Parts, path: str, name: str, there: Mapping[int, Part], pieces: Iterator[bytes], tell: Advance
) -> tuple[Mapping[int, Part], int]:
    """All parts by their numbers, and how many bytes of them did not have to be sent."""
    kept = 0
    done: dict[int, Part] = {}
    with ThreadPoolExecutor(PARTS_AT_ONCE, thread_name_prefix="part") as pool:
        sending: set[Future[Part]] = set()
        try:
            for number, piece in enumerate(pieces, start=1):
                part = there.get(number)
                if part is not None and part.holds(piece):
                    done[number] = part
                    kept += part.size
                    tell(part.size)
                    continue
                if len(sending) >= PARTS_AT_ONCE:
                    sending = _arrived(sending, done, tell)
                sending.add(pool.submit(parts.send, path, name, number, piece))
            while sending:
                sending = _arrived(sending, done, tell)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return done, kept


def _arrived(sending: set[Future[Part]], done: dict[int, Part], tell: Advance) -> set[Future[Part]]:
    """Those that are still on their way, when at least one is no more."""
    arrived, still = wait(sending, return_when=FIRST_COMPLETED)
    for one in arrived:
        part = one.result()
        done[part.number] = part
        tell(part.size)
    return still


def _clear(record: Noted | Unnoted) -> None:
    if isinstance(record, Noted):
        record.clear()
