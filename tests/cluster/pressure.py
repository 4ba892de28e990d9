"""Load that lasts until it is told to end: segments of planned requests, each begun at its time, whatever the one
before came to."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from measuring.arrivals import Poisson
from measuring.kinds import ClientKind
from measuring.question import Question
from measuring.records import Record
from measuring.run import Load, UnreachableError, run

SEGMENT_S = 5.0

GREATEST_S = 240.0
"""A load that nobody ends, ends by itself."""

TIMEOUT_S = 120.0
"""What waits in a queue while a pod is started is late, not lost."""


@dataclass(slots=True)
class Pressure:
    """`records` are all requests, once it has ended."""

    records: list[Record] = field(default_factory=list[Record])
    unreachable: list[str] = field(default_factory=list[str])

    @property
    def failed(self) -> list[Record]:
        return [record for record in self.records if record.failed]


@contextmanager
def pressure(target: str, question: Question, *, rate: float) -> Generator[Pressure]:
    """`rate` requests a second to `target` (`host:port`) while the context lasts; all are answered when it has left."""
    told = Pressure()
    over = threading.Event()
    segments: list[threading.Thread] = []

    def segment(seed: int) -> None:
        arrivals = Poisson(rate=rate, seconds=SEGMENT_S, seed=seed)
        load = Load(target=target, kind=ClientKind.HTTP, question=question, arrivals=arrivals, timeout_s=TIMEOUT_S)
        try:
            told.records.extend(run(load))
        except UnreachableError as error:
            told.unreachable.append(str(error))

    def keep_on() -> None:
        for seed in range(int(GREATEST_S / SEGMENT_S)):
            segments.append(threading.Thread(target=segment, args=(seed,), daemon=True))
            segments[-1].start()
            if over.wait(SEGMENT_S):
                return

    pressing = threading.Thread(target=keep_on, daemon=True)
    pressing.start()
    try:
        yield told
    finally:
        over.set()
        pressing.join()
        for thread in segments:
            thread.join()
