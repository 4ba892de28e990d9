"""Whether what came from a hub is still what came: the files of a repository held against its `hub.lock.json`.

What is served has been hashed, for the digest that servers are given: it is compared to the byte, and costs nothing
more. What the lock notes and no server would get (an older version, a hidden file) is compared by its size.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from planning.findings import Finding, Place, Rule, Severity
from planning.repository.hub_lock import LOCK, HubLockError, LockedFile, LockedFolder, read_hub_lock
from planning.repository.model import Model, ModelFile

LOCK_READS = Rule("TU955", Severity.ERROR, "The lock of what came from hubs can be read")
AS_IT_CAME = Rule("TU956", Severity.ERROR, "What came from a hub is there as the lock notes it")

_ANEW = "Fetch it anew with `tritonup models fetch`, or remove its entry from"


def check_fetched(root: Path, models: Mapping[str, Model]) -> Iterator[Finding]:
    """`models` are those of the repository at `root` that could be read."""
    at = (root / LOCK).as_posix()
    try:
        folders = read_hub_lock(root).folders
    except HubLockError as refused:
        fix = "Take it from version control again, or remove the entry and fetch its files with `tritonup models add`."
        for mistake in refused.mistakes:
            yield Finding(rule=LOCK_READS, at=Place(file=at, field=mistake.field), what=mistake.what, fix=fix)
        return
    names = {PurePosixPath(folder).parts[0] for folder in folders}
    hashed = {
        PurePosixPath(name) / file.path: file
        for name in names & models.keys()
        for file in models[name].all_files
        if file.stored is None
    }
    for folder, locked in folders.items():
        yield from _of_folder(root, PurePosixPath(folder), locked, hashed)


def _of_folder(
    root: Path, folder: PurePosixPath, locked: LockedFolder, hashed: Mapping[PurePosixPath, ModelFile]
) -> Iterator[Finding]:
    missing: list[PurePosixPath] = []
    for name, file in locked.files.items():
        path = folder / name
        here = hashed.get(path)
        size = here.size if here is not None else _size(root, path)
        if size is None:
            missing.append(path)
        elif size != file.size:
            yield _finding(root, path, f"{path} has {size} bytes, and {_noted(file)} from {locked.source}.")
        elif here is not None and here.sha256 != file.sha256:
            what = f"{path} has the SHA-256 {here.sha256[:12]}…, and {_noted(file)} from {locked.source}."
            yield _finding(root, path, what)
    if len(missing) > 1 and len(missing) == len(locked.files):
        # As in a fresh clone of a project that keeps its weights out of Git.
        what = f"None of the {len(missing)} files is there that {LOCK} notes for {folder} from {locked.source}."
        yield _finding(root, folder, what)
        return
    for path in missing:
        noted = _noted(locked.files[path.relative_to(folder).as_posix()])
        yield _finding(root, path, f"{path} is not there, and {noted} from {locked.source}.")


def _noted(file: LockedFile) -> str:
    return f"{LOCK} notes {file.size} bytes with the SHA-256 {file.sha256[:12]}…"


def _finding(root: Path, path: PurePosixPath, what: str) -> Finding:
    return Finding(
        rule=AS_IT_CAME, at=Place(file=(root / path).as_posix(), field=""), what=what, fix=f"{_ANEW} {LOCK}."
    )


def _size(root: Path, path: PurePosixPath) -> int | None:
    """None where there is no file inside the repository, whatever else is there."""
    at = Path(os.path.realpath(root / path))
    try:
        status = at.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) and at.is_relative_to(root.resolve()) else None
