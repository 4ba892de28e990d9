"""What a load comes to, and whether its client is to be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from measuring.records import Failed, Kind, Record, Wrong

LATE_S = 0.05
"""A request that its own client sends later than this is counted as late. A choice of ours: far above an event
loop's own delay on an idle machine (below 2 ms), far below the latencies that a drain is judged by."""

LATE_SHARE = 0.01
"""More late requests than this, and the figures say more about the client than about the server."""

WRONG = "wrong answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Latencies in seconds from the planned start, of answered requests alone (a refusal is quick, and would
    flatter); None where nothing was answered."""

    count: int
    ok: int
    failed: Mapping[str, int]
    """By kind; of an error that the server answered with, by its text's beginning too."""
    p50: float | None
    p90: float | None
    p99: float | None
    greatest: float | None
    late: int
    latest: float
    """The longest delay of this client's own."""

    @property
    def failures(self) -> int:
        return self.count - self.ok


def summarise(records: Sequence[Record]) -> Summary:
    answered = np.array([record.latency for record in records if not record.failed])
    points = np.percentile(answered, (50, 90, 99, 100)) if answered.size else None
    # A request that was never sent is counted as a failure, not as a late one.
    sent = [record for record in records if not _unsent(record)]
    return Summary(
        count=len(records),
        ok=int(answered.size),
        failed=dict(Counter(_why(record) for record in records if record.failed).most_common()),
        p50=None if points is None else float(points[0]),
        p90=None if points is None else float(points[1]),
        p99=None if points is None else float(points[2]),
        greatest=None if points is None else float(points[3]),
        late=sum(record.late > LATE_S for record in sent),
        latest=max((record.late for record in sent), default=0.0),
    )


def doubt(summary: Summary) -> str | None:
    """Why the figures are not to be believed, or None where this client kept up."""
    if unsent := summary.failed.get(Kind.NOT_SENT, 0):
        return (
            f"{unsent} of {summary.count} requests were never sent, because too many waited for answers already:"
            " ask for a lower rate."
        )
    if summary.late > LATE_SHARE * summary.count:
        return (
            f"This client sent {summary.late} of {summary.count} requests more than {LATE_S * 1e3:.0f} ms late (the"
            f" latest {summary.latest:.2f} s): part of the latency is its own. Ask for a lower rate, or run it on"
            " another machine than the server."
        )
    return None


def _unsent(record: Record) -> bool:
    return isinstance(record.outcome, Failed) and record.outcome.kind is Kind.NOT_SENT


def _why(record: Record) -> str:
    match record.outcome:
        case Failed(kind=Kind.STATUS, text=text):
            return f"{Kind.STATUS}: {text.splitlines()[0][:60] if text else 'no text'}"
        case Failed(kind=kind):
            return kind.value
        case Wrong():
            return WRONG
        case _:
            raise ValueError(f"request {record.number} did not fail")
