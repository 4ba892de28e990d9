"""What the command ends with."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the command ends with."""

    CLEAN = 0
    FINDINGS = 1
    """An error was found, or what was asked for did not happen."""
    USAGE = 2
    """The command was not understood, or there is nothing to work on."""
