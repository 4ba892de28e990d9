"""diff: what is here beside what is published, file by file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from planning.repository.served import ServedSet
from publishing.signature import Statement


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`was` and `now` are bytes; None where the file is not on that side."""

    model: str
    path: str
    change: Change
    was: int | None
    now: int | None


def differences(served: ServedSet, published: Statement) -> Sequence[Difference]:
    """What a push of `served` would change against `published`, sorted by path."""
    here = {file.path.as_posix(): (file.sha256, file.size) for file in served.files}
    there = {file.path: (file.sha256, file.size) for file in published.files}
    found: list[Difference] = []
    for path in sorted(here.keys() | there.keys()):
        now, was = here.get(path), there.get(path)
        if now == was:
            continue
        change = Change.ADDED if was is None else Change.REMOVED if now is None else Change.CHANGED
        found.append(
            Difference(
                model=path.partition("/")[0],
                path=path,
                change=change,
                was=was[1] if was else None,
                now=now[1] if now else None,
            )
        )
    return found
