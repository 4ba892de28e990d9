"""`python -m gpu_readiness`: what the container runs."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from gpu_readiness.api import ACCOUNT, Api
from gpu_readiness.removing import Remover
from gpu_readiness.settings import SettingsError, read_settings


def main(arguments: Sequence[str]) -> int:
    """Exit code 2 where it is told nonsense."""
    asked = argparse.ArgumentParser(prog="gpu_readiness", description=__doc__)
    asked.add_argument("settings", type=Path, help="JSON file: the taint, and the pools whose nodes carry it")
    asked.add_argument("--server", default=_own_server(), help="address of the API server (default: this pod's)")
    asked.add_argument("--account", type=Path, default=ACCOUNT, help="folder with `token` and `ca.crt`")
    given = asked.parse_args(arguments)
    if not given.server:
        asked.error("--server is needed outside a pod.")
    # The first process of a container ignores it otherwise.
    signal.signal(signal.SIGTERM, _end)
    try:
        settings = read_settings(given.settings)
        api = Api(given.server, given.account)
    except (SettingsError, OSError) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    Remover(api, settings, tell=lambda line: print(line, flush=True)).run()
    return 0


def _end(_number: int, _frame: object) -> None:
    sys.exit(0)


def _own_server() -> str | None:
    """A pod's (Kubernetes, "Accessing the Kubernetes API from a Pod")."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return None
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
