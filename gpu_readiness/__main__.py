"""`python -m gpu_readiness`: what the container runs."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from gpu_readiness.removing import Remover
from gpu_readiness.settings import read_settings
from planning.told import SettingsError
from programs.kubernetes import ask_where, connect


def main(arguments: Sequence[str]) -> int:
    """Exit code 2 where it is told nonsense."""
    asked = argparse.ArgumentParser(prog="gpu_readiness", description=__doc__)
    asked.add_argument("settings", type=Path, help="JSON file: the taint, and the pools whose nodes carry it")
    ask_where(asked)
    given = asked.parse_args(arguments)
    # The first process of a container ignores it otherwise.
    signal.signal(signal.SIGTERM, _end)
    try:
        settings = read_settings(given.settings)
        api = connect(asked, given)
    except (SettingsError, OSError) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    Remover(api, settings, tell=lambda line: print(line, flush=True)).run()
    return 0


def _end(_number: int, _frame: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
