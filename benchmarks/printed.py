"""What a benchmark tells of itself while it runs."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager


class Printed:
    """Progress on standard output, a line for each step."""

    @contextmanager
    def step(self, doing: str) -> Generator[None]:
        began = time.monotonic()
        self.note(f"{doing} ...")
        yield
        self.note(f"{doing}: {time.monotonic() - began:.1f} s")

    def note(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
