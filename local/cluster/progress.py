"""How long work is told to the user. The command line brings the real one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Progress(Protocol):
    def step(self, doing: str) -> AbstractContextManager[object]:
        """While the context lasts, `doing` is what happens; its end is reported with the time that it took."""
        ...

    def note(self, text: str) -> None:
        """One line that stays."""
        ...
