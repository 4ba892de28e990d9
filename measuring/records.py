"""What became of each request. Times are seconds after the load's beginning, on a clock that never steps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import IO


class Kind(StrEnum):
    """Why a request has no answer, as its client saw it."""

    REFUSED = "refused"
    """No connection could be made."""
    DISCONNECTED = "disconnected"
    """A connection that had been made ended before the answer."""
    TIMEOUT = "timeout"
    STATUS = "status"
    """The server answered with an error."""
    NOT_SENT = "not sent"
    """This client had too many requests waiting already: no fault of the server's, and no success."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Ok:
    """The expected answer, or any answer where none is expected."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer, but not the expected one."""

    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    kind: Kind
    text: str
    """In the client library's own words."""


Outcome = Ok | Wrong | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One request. `planned` is when it should have been sent, `started` when it was, `ended` when it was known
    what became of it."""

    number: int
    planned: float
    started: float
    ended: float
    outcome: Outcome

    @property
    def latency(self) -> float:
        """Seconds from the *planned* start, so that a client that falls behind does not flatter the server."""
        return self.ended - self.planned

    @property
    def late(self) -> float:
        """Seconds by which this client itself was late."""
        return self.started - self.planned

    @property
    def failed(self) -> bool:
        return not isinstance(self.outcome, Ok)


def as_json(record: Record) -> dict[str, str | int | float | None]:
    match record.outcome:
        case Ok():
            outcome, kind, text = "ok", None, None
        case Wrong(text=text):
            outcome, kind = "wrong", None
        case Failed(kind=kind, text=text):
            outcome = "failed"
    return {
        "number": record.number,
        "planned_s": round(record.planned, 6),
        "started_s": round(record.started, 6),
        "ended_s": round(record.ended, 6),
        "latency_s": round(record.latency, 6),
        "outcome": outcome,
        "kind": kind,
        "text": text,
    }


def write_lines(records: Iterable[Record], to: IO[str]) -> None:
    """JSON Lines: one object a request, in the order of their planned starts."""
    for record in records:
        to.write(json.dumps(as_json(record)) + "\n")
