"""Listing what lies in a repository, without ever leaving it.

A link that leads out of the repository, a device or a pipe is reported and not opened. Hidden files and
`__pycache__` are passed over everywhere: they come and go without the model changing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from planning.findings import Finding, Place, Rule, Severity

STAYS_INSIDE = Rule("TU204", Severity.ERROR, "Every file of a model lies inside the repository")
READABLE = Rule("TU205", Severity.ERROR, "Every file of a model can be read")

_PLACEHOLDERS = (".gitkeep", ".keep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something in a directory; a link counts as what it leads to."""

    name: str
    is_dir: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """The files and directories of one repository.

    `root` is its real path: everything must resolve to somewhere below it. A problem is reported through
    `report`, once, and what it is about is left out. Every directory is listed once.
    """

    root: Path
    report: Callable[[Finding], None]
    listed: dict[Path, tuple[Entry, ...]] = field(default_factory=dict[Path, tuple[Entry, ...]])

    def entries(self, directory: Path) -> tuple[Entry, ...]:
        """What is directly in `directory`, sorted by name."""
        if directory not in self.listed:
            self.listed[directory] = tuple(sorted(self._list(directory), key=lambda entry: entry.name))
        return self.listed[directory]

    def find(self, directory: Path, path: PurePosixPath) -> Entry | None:
        """What `path`, relative to `directory`, names, or None where nothing is there."""
        entry = None
        for part in path.parts:
            if entry is not None:
                if not entry.is_dir:
                    return None
                directory = directory / entry.name
            entry = next((entry for entry in self.entries(directory) if entry.name == part), None)
            if entry is None:
                return None
        return entry

    def files(self, directory: Path, below: PurePosixPath) -> Iterator[PurePosixPath]:
        """Every regular file under `directory`/`below`, relative to `directory`."""
        yield from self._walk(directory, below, frozenset())

    def placeholders(self, directory: Path, below: PurePosixPath) -> Iterator[PurePosixPath]:
        """What keeps `directory`/`below`, which has nothing else in it, from vanishing: neither Git nor an
        object store knows empty directories."""
        for name in _PLACEHOLDERS:
            if (directory / below / name).is_file():
                yield below / name

    def _walk(self, directory: Path, below: PurePosixPath, above: frozenset[str]) -> Iterator[PurePosixPath]:
        real = os.path.realpath(directory / below)
        if real in above:  # a link back to a directory that holds it
            return
        for entry in self.entries(directory / below):
            if entry.is_dir:
                yield from self._walk(directory, below / entry.name, above | {real})
            else:
                yield below / entry.name

    def _list(self, directory: Path) -> Iterator[Entry]:
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if not entry.name.startswith(".") and entry.name != "__pycache__":
                        yield from self._entry(directory / entry.name, entry)
        except OSError as error:
            self.report(unreadable(directory, error))

    def _entry(self, path: Path, entry: os.DirEntry[str]) -> Iterator[Entry]:
        target = Path(os.path.realpath(path)) if entry.is_symlink() else None
        if target is not None and not target.is_relative_to(self.root):
            what = f"This link leads out of the repository, to {str(path.readlink())!r}."
            fix = "Put the file itself here: what is served is copied from this directory."
            self.report(Finding(rule=STAYS_INSIDE, at=_at(path), what=what, fix=fix))
        elif target is not None and not target.exists():
            what = f"This link leads to {str(path.readlink())!r}, which is not there."
            fix = "Remove the link, or put what it leads to there."
            self.report(Finding(rule=READABLE, at=_at(path), what=what, fix=fix))
        elif entry.is_dir() or entry.is_file():
            yield Entry(name=entry.name, is_dir=entry.is_dir())
        else:
            what, fix = "This is neither a file nor a directory.", "Remove it from the repository."
            self.report(Finding(rule=READABLE, at=_at(path), what=what, fix=fix))


def _at(path: Path) -> Place:
    return Place(file=path.as_posix(), field="")


def unreadable(path: Path, error: OSError) -> Finding:
    return Finding(
        rule=READABLE,
        at=_at(path),
        what=f"This cannot be read: {error.strerror or error}.",
        fix="Make it readable for the user who runs this.",
    )


def leads_outside(path: str) -> bool:
    """Whether `path`, as a config or a graph writes it, is absolute or climbs out of where it starts."""
    if not path or "\\" in path or PurePosixPath(path).is_absolute():
        return bool(path)
    depth = 0
    for part in PurePosixPath(path).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False
