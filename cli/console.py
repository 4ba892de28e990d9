"""Where the command writes: results to standard output, everything else to standard error.

Rich leaves colour and movement away where the output is no terminal and where NO_COLOR is set. It takes longer to
import than a short command works: such a one imports this when it has something to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from cli.ends import Exit as Exit

if TYPE_CHECKING:
    from rich.table import Table

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

_WHOLE = 1_000_000
"""Columns, which no table needs: where nobody looks at it, nothing is cut."""


def print_table(table: Table) -> None:
    """As wide as a terminal is, or, into a pipe or a file, as wide as what it says."""
    if out.file.isatty():
        out.print(table, soft_wrap=False)
    else:
        Console(width=_WHOLE, highlight=False).print(table)
