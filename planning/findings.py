"""What planning refuses or warns about, in the user's terms.

A `Rule` stands beside the check that applies it and has a page in `docs/rules/`. Its id never changes.
The hundreds group them: 1 settings, 2 repository, 3 placement, 4 memory, 5 scaling, 6 draining,
7 security, 8 cost, 9 cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"
    """Refused: it would not serve. It cannot be accepted."""
    WARNING = "warning"
    """It would serve, worse than it should. A stack file can accept it by id, with a reason."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`id` is stable (`TU203`); `title` says what must hold, as a short sentence."""

    id: str
    severity: Severity
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a finding is: `file` (empty for the stack file itself), `field` as a dotted path in it, and the
    line where it is known (1 is the first)."""

    field: str
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        line = f":{self.line}" if self.line is not None else ""
        return ": ".join(part for part in (f"{self.file}{line}" if self.file else "", self.field) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken rule. `what` is one sentence that quotes the offending value; `fix` says what to write
    instead."""

    rule: Rule
    at: Place
    what: str
    fix: str

    @property
    def severity(self) -> Severity:
        return self.rule.severity

    def __str__(self) -> str:
        return f"{self.at}: {self.what} {self.fix} [{self.rule.id}]"


def dotted(path: Iterable[str | int]) -> str:
    """A path as findings write it: `servers.vision.models[0]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def setting(field: str) -> Place:
    """The place of a field of the stack file's `tritonup:settings`."""
    return Place(field=field)
