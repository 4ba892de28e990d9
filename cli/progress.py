"""How the commands that work on this machine for a while say what they do, and why they cannot."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

import typer
from rich.status import Status

from cli.console import Exit, err
from local.cluster.errors import ClusterError, full_disks_told
from local.errors import CannotServeError


class ConsoleProgress:
    """Steps on standard error: moving while they last, a line with their seconds when they are done."""

    def __init__(self) -> None:
        self._status: Status | None = None

    @contextmanager
    def step(self, doing: str) -> Generator[None]:
        started = time.monotonic()
        if not err.is_terminal:
            err.print(doing, markup=False)
        with err.status(doing) as self._status:
            yield
        self._status = None
        err.print(f"✓ {doing} ({time.monotonic() - started:.1f} s)", markup=False)

    def note(self, text: str) -> None:
        err.print(text, markup=False)

    def detail(self, text: str) -> None:
        """What the step that lasts is at."""
        if self._status is not None:
            self._status.update(text)


@contextmanager
def refusals() -> Generator[None]:
    """What cannot be had is told in red and ends the command."""
    try:
        with full_disks_told():
            yield
    except (ClusterError, CannotServeError) as refused:
        err.print(str(refused), style="red", markup=False)
        raise typer.Exit(Exit.FINDINGS) from None
