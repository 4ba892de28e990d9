"""Ctrl-C and SIGTERM while servers run: the first asks them to leave, each further one to hurry."""

from __future__ import annotations

import signal
from threading import Event
from types import FrameType


class Interrupts:
    """`asked` is set by the first signal, `hurry` by every further one; as a context, it handles them."""

    # Not every system has SIGHUP, and where Triton cannot run this is still imported.
    _SIGNALS = tuple(s for s in signal.Signals if s.name in {"SIGINT", "SIGTERM", "SIGHUP"})

    def __init__(self) -> None:
        self.asked = Event()
        self.hurry = Event()

    def __enter__(self) -> Interrupts:
        self._before = [(number, signal.getsignal(number)) for number in self._SIGNALS]
        for number in self._SIGNALS:
            signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        (self.hurry if self.asked.is_set() else self.asked).set()
