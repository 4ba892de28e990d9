"""What a transfer of models shows: a bar while bytes travel, sizes for people, findings for programs."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from planning.findings import Finding
from planning.settings.quantities import Memory
from publishing.together import Advance


@contextmanager
def bar(what: str, total: int | None) -> Generator[Advance]:
    """A bar on a terminal, and nothing elsewhere. `total` bytes, where that is known before."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from cli.console import err

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda amount: shown.advance(task, amount)


def size(amount: int) -> str:
    return Memory(amount).readable()


def finding_data(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule.id,
        "severity": str(finding.severity),
        "file": finding.at.file,
        "field": finding.at.field,
        "what": finding.what,
        "fix": finding.fix,
    }
