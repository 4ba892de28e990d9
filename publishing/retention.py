"""Which published digests may go. Pure: no store, no clock.

A digest stays for any one of these: a stack file names it, something is seen that serves it or may roll back to it, it
is young, it is among the newest of its server. What nobody named and nobody finished (a half push) has only its age.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from publishing.layout import Identity

GRACE = timedelta(days=30)
"""How long everything stays: longer than a release of ours is rolled out and rolled back."""

NEWEST = 3
"""Published digests of each server that stay however old they are: the way back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One digest of one server as a store holds it. `changed`: when anything of it was written last."""

    server: str
    digest: str
    changed: datetime
    published: bool
    total_bytes: int

    @property
    def identity(self) -> Identity:
        return self.server, self.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether `version` goes, and why."""

    version: Version
    goes: bool
    why: str


def decide(
    versions: Iterable[Version],
    *,
    named: Collection[Identity],
    serving: Mapping[str, str],
    now: datetime,
    grace: timedelta = GRACE,
    newest: int = NEWEST,
) -> Sequence[Decision]:
    """A decision for each version, newest first within its server. `named` by stack files; `serving` says of digests
    that were seen in use, whichever server's, who uses them."""
    kept: dict[str, int] = {}
    decisions: list[Decision] = []
    for version in sorted(versions, key=lambda one: (one.server, -one.changed.timestamp(), one.digest)):
        if version.published:
            kept[version.server] = kept.get(version.server, 0) + 1
        age = now - version.changed
        if version.identity in named:
            goes, why = False, "a stack file names it"
        elif version.digest in serving:
            goes, why = False, serving[version.digest]
        elif age < grace:
            goes, why = False, f"it is {_days(age)} old"
        elif version.published and kept[version.server] <= newest:
            goes, why = False, f"it is among the newest {newest}"
        elif version.published:
            goes, why = True, f"nobody names it, and it is {_days(age)} old"
        else:
            goes, why = True, f"it was never finished, and is {_days(age)} old"
        decisions.append(Decision(version=version, goes=goes, why=why))
    return decisions


def _days(age: timedelta) -> str:
    hours = max(0, int(age.total_seconds() // 3600))
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"
