"""Files of a hub into a model repository, at one revision, by their digests: pods never talk to a hub.

What comes is held against what the hub says of that revision, and its SHA-256s are noted in `hub.lock.json` at the
repository's root: whoever fetches the same again must get the same bytes, whatever the hub says then. What was fetched
lies in a cache by its revision and is not fetched twice.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from planning.repository.hub_lock import (
    LOCK,
    HubLock,
    HubLockError,
    LockedFile,
    LockedFolder,
    hub_lock_text,
    inside,
    read_hub_lock,
)
from planning.settings.quantities import Memory
from publishing.alone import alone
from publishing.hub_source import HubError, Listed, Source, sha256_of
from publishing.hugging_face import HuggingFace
from publishing.ngc import Ngc
from publishing.proof import pieces
from publishing.together import Advance

Note = Callable[[str], None]
"""Told of every file before it is fetched."""

Show = Callable[[Source, int], AbstractContextManager[Advance]]
"""Told how many bytes are to come from a source, and then of those that came."""


def unseen(_source: Source, _total: int) -> AbstractContextManager[Advance]:
    return nullcontext(lambda _: None)


_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """`fetched` bytes came from the hub; the others were in the cache or in place."""

    folder: PurePosixPath
    locked: LockedFolder
    fetched: int


def pinned(text: str) -> Source:
    """What `text` names. HubError where that is no source, or may be other files tomorrow."""
    if text.startswith("hf://"):
        return HuggingFace.parse(text)
    if text.startswith("ngc://"):
        return Ngc.parse(text)
    raise HubError(f"{text!r} is no source: write hf://ORG/NAME@COMMIT or ngc://ORG/MODEL:VERSION.")


def add(
    source: Source,
    root: Path,
    folder: PurePosixPath,
    patterns: Sequence[str],
    cache: Path,
    note: Note,
    show: Show = unseen,
) -> Added:
    """Have the files of `source` that match one of `patterns` (all, where there are none) in `folder` of the model
    repository at `root`, and noted in its lock. Of what was noted for `folder` before, the rest goes. HubError where
    not: then the repository is as it was."""
    _is_inside(root, folder)
    known = _lock(root).folders.get(folder.as_posix())
    listed = source.listed()
    wanted = [one for one in listed if not patterns or any(fnmatch(one.path, pattern) for pattern in patterns)]
    if not wanted:
        raise HubError(f"{source} has no file that matches {', '.join(patterns)}. It has: {_few(listed)}.")
    if known is not None and known.source != str(source):
        known = None
    return _bring(source, root, folder, wanted, known, cache, note, show)


def fetch(root: Path, cache: Path, note: Note, show: Show = unseen) -> tuple[Added, ...]:
    """Have everything that the lock of the repository at `root` notes as it notes it. HubError where not: folders that
    came before are there."""
    return tuple(
        _again(root, PurePosixPath(folder), locked, cache, note, show) for folder, locked in _lock(root).folders.items()
    )


def _again(
    root: Path, folder: PurePosixPath, locked: LockedFolder, cache: Path, note: Note, show: Show = unseen
) -> Added:
    _is_inside(root, folder)
    source = pinned(locked.source)
    for place, brought in ((root / folder, True), (cache / source.place, False)):
        if all(_is(place / path, file) for path, file in locked.files.items()):
            if not brought:
                with alone(root):  # two that add at a time must not lose each other's note
                    _put(place, root, folder, locked)
            return Added(folder=folder, locked=locked, fetched=0)
    listed = {one.path: one for one in source.listed()}
    if gone := [path for path in locked.files if path not in listed]:
        raise HubError(f"{source} has no {gone[0]} any more, which {LOCK} notes for {folder}.")
    return _bring(source, root, folder, [listed[path] for path in locked.files], locked, cache, note, show)


def _bring(
    source: Source,
    root: Path,
    folder: PurePosixPath,
    wanted: Sequence[Listed],
    known: LockedFolder | None,
    cache: Path,
    note: Note,
    show: Show,
) -> Added:
    """`known` are the same files of the same source as they were noted before."""
    kept = cache / source.place
    absent = [one for one in wanted if not _has_size(kept / one.path, one.size)]
    try:
        kept.mkdir(parents=True, exist_ok=True)
        needed = sum(one.size for one in absent)
        _has_room(kept, needed)
        with show(source, needed) as advance:
            for one in absent:
                note(f"{one.path} ({Memory(one.size).readable()})")
                source.fetch(one, kept, advance)
        files = {one.path: LockedFile(sha256=sha256_of(source, one, kept / one.path), size=one.size) for one in wanted}
        if known is not None:
            _as_before(source, known, files)
        locked = LockedFolder(source=str(source), files=files)
        with alone(root):
            _put(kept, root, folder, locked)
    except OSError as failed:
        if failed.errno not in _FULL:
            raise
        raise HubError(
            f"The disk is full: {failed.filename or kept} cannot be written. Make room, and go on."
        ) from None
    return Added(folder=folder, locked=locked, fetched=needed)


def _as_before(source: Source, known: LockedFolder, now: Mapping[str, LockedFile]) -> None:
    for path, file in now.items():
        if (before := known.files.get(path)) is not None and before != file:
            raise HubError(
                f"{path} of {source} has the SHA-256 {file.sha256[:12]}…, and {LOCK} notes {before.sha256[:12]}…:"
                " the same revision gives other bytes. Find out why before you trust it; nothing was changed."
            )


def _put(kept: Path, root: Path, folder: PurePosixPath, locked: LockedFolder) -> None:
    """The files in their places, and what was noted before and is no more out of them; then the lock. What somebody
    else put there is not touched."""
    lock = _lock(root)
    before = lock.folders.get(folder.as_posix(), LockedFolder(source=locked.source, files={}))
    place = root / folder
    other = {path: place / path for path, file in locked.files.items() if not _is(place / path, file)}
    for path, target in other.items():
        if path not in before.files and target.exists():
            raise HubError(
                f"{folder / path} is there already, is another file, and {LOCK} does not note it. Move it away, or name"
                " another folder with --to; nothing was changed."
            )
        if not target.parent.resolve().is_relative_to(root.resolve()):
            raise HubError(f"{folder / path} would lie outside of the model repository: a link leads there.")
    lock_text = hub_lock_text(HubLock(folders={**lock.folders, folder.as_posix(): locked}))
    new = {target: target.with_name(f".{target.name}.{os.getpid()}") for target in (*other.values(), root / LOCK)}
    try:
        for path, target in other.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kept / path, new[target])
        new[root / LOCK].write_text(lock_text, encoding="utf-8")
        # All that can fail for want of room has been done.
        for target, unfinished in new.items():
            unfinished.replace(target)
    finally:
        for unfinished in new.values():
            unfinished.unlink(missing_ok=True)
    for path in before.files.keys() - locked.files.keys():
        _remove(place, place / path)


def _remove(place: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == place:
            return
        with suppress(OSError):  # something else is in it
            folder.rmdir()


def _lock(root: Path) -> HubLock:
    try:
        return read_hub_lock(root)
    except HubLockError as refused:
        raise HubError(f"{root / LOCK} is no lock of what came from hubs. {refused}") from None


def _is_inside(root: Path, folder: PurePosixPath) -> None:
    try:
        inside(folder.as_posix())
    except ValueError:
        raise HubError(f"{str(folder)!r} is no folder inside the model repository: write MODEL/VERSION/NAME.") from None
    if not root.is_dir():
        raise HubError(f"{root} is no directory: name the model repository with --repository.")
    if not (root / folder).resolve().is_relative_to(root.resolve()):
        raise HubError(f"{folder} is a link out of the model repository. Name another folder, or remove the link.")


def _has_room(at: Path, needed: int) -> None:
    free = shutil.disk_usage(at).free
    if free < needed:
        raise HubError(
            f"{at} has room for {Memory(free).readable()}, and {Memory(needed).readable()} are to come. Make room."
        )


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _is(path: Path, file: LockedFile) -> bool:
    if path.is_symlink() or not _has_size(path, file.size):
        return False
    whole = hashlib.sha256()
    for piece in pieces(path):
        whole.update(piece)
    return whole.hexdigest() == file.sha256


def _few(listed: Sequence[Listed]) -> str:
    return ", ".join(one.path for one in listed[:8]) + (", …" if len(listed) > 8 else "")
