"""What decides whether a failed test says something of the settings (conftest.py)."""

from __future__ import annotations

import os
import signal
import time

import pytest
from cluster_target import Target
from starvation import GROUP, STARVED_S, watched

from local.cluster import cgroups

ITS_OWN = f"{GROUP}-itself"


def members() -> list[int]:
    """Of the group, in the hierarchy that has it."""
    found = [root / ITS_OWN / "cgroup.procs" for root in cgroups.hierarchies()]
    return [int(line) for file in found if file.exists() for line in file.read_text(encoding="ascii").split()]


def test_what_does_not_run_for_a_while_is_seen_to_be_starved(target: Target) -> None:
    if target.own is None:
        pytest.skip("pods of another cluster are not on this machine")
    with watched(ITS_OWN) as starvation:
        (watch,) = members()
        time.sleep(0.5)
        began = time.monotonic()
        os.kill(watch, signal.SIGSTOP)
        time.sleep(2 * STARVED_S)
        os.kill(watch, signal.SIGCONT)
        time.sleep(0.5)
        assert starvation.longest_since(began) >= STARVED_S
        assert starvation.longest_since(time.monotonic()) == 0
    assert members() == []
