"""Where the command writes: results to standard output, everything else to standard error.

Rich leaves colour and movement away where the output is no terminal and where NO_COLOR is set. It takes longer to
import than a short command works: such a one imports this when it has something to say.
"""

from __future__ import annotations

from rich.console import Console

from cli.ends import Exit as Exit

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)
