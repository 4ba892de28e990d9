"""What runs in a part of the machine finds nobody else, and ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import machine_apart
import pytest

from local.cluster import cgroups
from local.cluster.layout import STATE

NAME = "a-test"
SLEEPS = ("sh", "-c", "sleep 300 & echo begun; wait")


@pytest.fixture(autouse=True)
def cleared(machine: None) -> Generator[None]:
    machine_apart.clear([NAME])
    yield
    machine_apart.clear([NAME])
    assert left() == []


def left() -> list[Path]:
    """What is there of the part."""
    there = [machine_apart.FOLDERS / NAME, *(r / machine_apart.GROUP / NAME for r in cgroups.all_hierarchies())]
    return [path for path in there if path.exists()]


def told(*inside: str) -> str:
    return subprocess.run(machine_apart.command(NAME, *inside), capture_output=True, text=True, check=True).stdout


def begun() -> subprocess.Popen[str]:
    apart = subprocess.Popen(
        machine_apart.command(NAME, *SLEEPS), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert apart.stdout is not None
    assert apart.stdout.readline() == "begun\n"
    return apart


def inside() -> Sequence[str]:
    """The processes in the part's control group, by this machine's numbers."""
    root = next(iter(cgroups.hierarchies()))
    procs = root / machine_apart.GROUP / NAME / "cgroup.procs"
    return procs.read_text(encoding="ascii").split()


def test_a_command_ends_as_it_would_anywhere() -> None:
    ended = subprocess.run(machine_apart.command(NAME, "sh", "-c", "exit 7"), check=False)
    assert ended.returncode == 7


def test_nobody_elses_processes_networks_groups_and_clusters_are_seen() -> None:
    processes = [path for path in told("ls", "/proc").split() if path.isdecimal()]
    assert len(processes) <= 3
    assert len(told("ip", "-oneline", "link").splitlines()) == 1
    assert told("cat", "/proc/self/cgroup").splitlines() == [
        f"{line.rpartition(':')[0]}:/" for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    ]
    assert STATE.name not in told("ls", str(STATE.parent)).split()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_in_it_outlives_it(number: signal.Signals) -> None:
    apart = begun()
    assert len(inside()) >= 3
    os.kill(apart.pid, number)
    apart.wait()
    deadline = time.monotonic() + 10
    while inside():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_interrupt_reaches_the_command() -> None:
    script = "trap 'echo heard; exit 3' INT; echo begun; while true; do sleep 0.1; done"
    apart = subprocess.Popen(
        machine_apart.command(NAME, "sh", "-c", script), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert apart.stdout is not None
    assert apart.stdout.readline() == "begun\n"
    os.kill(apart.pid, signal.SIGINT)
    assert apart.communicate(timeout=10)[0] == "heard\n"
    assert apart.returncode == 3
