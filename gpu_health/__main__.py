"""`python -m gpu_health agent` on each node, `python -m gpu_health drain FILE` once: what the containers run."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gpu_health.agent import Agent
from gpu_health.drainer import CALL_S, Drainer
from gpu_health.kernel_log import boot_id, kernel_log
from gpu_health.lease import Lease
from gpu_health.settings import read_settings
from planning.told import SettingsError
from programs.kubernetes import ask_where, connect

NODE = "NODE_NAME"
"""The variable in which a pod of the agent finds its node's name."""


def main(arguments: Sequence[str]) -> int:
    """Exit code 2 where it is told nonsense, 1 where the kernel's log cannot be read."""
    asked = argparse.ArgumentParser(prog="gpu_health", description=__doc__)
    which = asked.add_subparsers(dest="which", required=True)
    agent = which.add_parser("agent", help="say in a condition of this node whether its GPUs are healthy")
    agent.add_argument("--node", default=os.environ.get(NODE), help=f"name of the node (default: ${NODE})")
    agent.add_argument("--kernel-log", type=Path, help="a file to read in place of the kernel's log")
    ask_where(agent)
    drain = which.add_parser("drain", help="empty nodes whose GPU has failed")
    drain.add_argument("settings", type=Path, help="JSON file: the conditions, the taint, the Lease and the pools")
    ask_where(drain)
    given = asked.parse_args(arguments)
    # The first process of a container ignores it otherwise.
    signal.signal(signal.SIGTERM, _end)
    try:
        return _agent(agent, given) if given.which == "agent" else _drain(drain, given)
    except (SettingsError, FileNotFoundError) as wrong:
        print(wrong, file=sys.stderr)
        return 2


def _agent(asked: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    if not given.node:
        asked.error("--node is needed outside a pod.")
    api = connect(asked, given)
    try:
        Agent(api, given.node, _log(given.kernel_log), boot_id(), _tell).run()
    except OSError as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


def _drain(asked: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    settings = read_settings(given.settings)
    api = connect(asked, given, silent_s=CALL_S)
    # A pod's name is its own; outside one, two processes of a machine are two.
    holder = f"{socket.gethostname()}-{os.getpid()}"
    lease = Lease(api, settings.lease.namespace, settings.lease.name, holder)
    Drainer(api, settings, lease, _tell).run()
    return 0


def _log(file: Path | None) -> Callable[[], str]:
    return kernel_log if file is None else lambda: file.read_text(encoding="utf-8", errors="replace")


def _tell(line: str) -> None:
    print(line, flush=True)


def _end(_number: int, _frame: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
