"""Where the command writes: results to standard output, everything else to standard error.

Rich leaves colour and movement away where the output is no terminal and where NO_COLOR is set.
"""

from __future__ import annotations

from enum import IntEnum

from rich.console import Console

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


class Exit(IntEnum):
    """What the command ends with."""

    CLEAN = 0
    FINDINGS = 1
    """An error was found, or what was asked for did not happen."""
    USAGE = 2
    """The command was not understood, or there is nothing to work on."""
