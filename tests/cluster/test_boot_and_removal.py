"""A cluster comes whole and goes whole, however the command that made it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_target import Printed
from machine_state import MachineState, machine_state

from local.cluster import requirements
from local.cluster.boot import CONTROL, READY_WITHIN_S, down, up, vanish
from local.cluster.debian import DebianTree, node_tree
from local.cluster.errors import ClusterError
from local.cluster.layout import ADDRESSES, BRIDGE, LAYOUT, Layout
from local.cluster.nodes import Node
from local.cluster.record import read_record

WORKER = Node(name="node-a", index=2)

BOOT = """
import sys
sys.path.insert(0, "tests/cluster")
from cluster_target import Printed
from local.cluster.boot import up
up(Printed())
"""


@pytest.fixture(autouse=True)
def no_cluster_yet(machine: None) -> None:
    if os.environ.get("TRITONUP_KUBECONFIG"):
        pytest.skip("TRITONUP_KUBECONFIG names a cluster that is there already")
    if LAYOUT.root.exists():
        pytest.skip("a cluster of ours is up (`make cluster-down` ends it), and this boots one of its own")


@pytest.fixture
def debian(progress: Printed) -> DebianTree:
    return node_tree(LAYOUT, progress)


@pytest.fixture
def before(debian: DebianTree) -> Generator[MachineState]:
    yield machine_state(debian)
    down()


def assert_as_before(before: MachineState, debian: DebianTree) -> None:
    """Namespaces and folders that others made meanwhile are no matter of ours; those of `before` may have gone."""
    deadline = time.monotonic() + ENDED_WITHIN_S
    # Who is killed leaves a command or two that end by themselves.
    while (after := machine_state(debian)).processes - before.processes and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not after.processes - before.processes
    assert after.mounts == before.mounts
    assert after.interfaces == before.interfaces
    assert after.routes == before.routes
    assert after.rules == before.rules
    assert after.cgroups == before.cgroups
    assert after.folders == before.folders
    assert after.sysctls == before.sysctls
    assert not after.namespaces - before.namespaces


def test_a_cluster_changes_only_what_it_must_and_leaves_nothing_of_itself(
    before: MachineState, debian: DebianTree, progress: Printed
) -> None:
    cluster = up(progress, workers=[WORKER])
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "runs", "namespace": "default"},
        "spec": {
            "containers": [{"name": "only", "image": cluster.pause.name, "imagePullPolicy": "Never"}],
            "terminationGracePeriodSeconds": 300,
        },
    }
    deadline = time.monotonic() + 30
    while cluster.kubectl.attempt("get", "serviceaccount", "default").returncode != 0:
        assert time.monotonic() < deadline
    cluster.kubectl.apply(pod)
    cluster.kubectl.run("wait", "--for=condition=Ready", "pod/runs", "--timeout=60s")
    while_up = machine_state(debian)
    assert while_up.rules == before.rules
    assert while_up.sysctls == before.sysctls
    assert while_up.mounts == before.mounts
    # Booting twice changes nothing, and a node that vanished comes back.
    nodes = cluster.nodes()
    assert up(progress, workers=[WORKER]).nodes() == nodes
    vanish(cluster, WORKER.name)
    assert [running.node.name for running in cluster.nodes()] == [CONTROL.name]
    assert up(progress, workers=[WORKER]).nodes()[-1].node.name == WORKER.name
    assert down()
    assert_as_before(before, debian)


ENDED_WITHIN_S = 5.0

MOMENTS = {
    "before the first node": LAYOUT.certificates.exists,
    "at the first node": lambda: bool(read_record(LAYOUT).nodes),
    "while it starts": lambda: LAYOUT.kubeconfig.exists() and (LAYOUT.node(CONTROL.name) / "containerd.sock").exists(),
    "when the second joins": lambda: len(read_record(LAYOUT).nodes) == 2,
}
"""Of a boot, by what is there first."""


@contextmanager
def booted_until(moment: str) -> Generator[subprocess.Popen[bytes]]:
    """A command that boots a cluster, when it has come so far; it has ended afterwards."""
    command = [sys.executable, "-c", BOOT]
    boot = subprocess.Popen(command, process_group=0, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + READY_WITHIN_S
    while not MOMENTS[moment]():
        assert boot.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield boot
    boot.wait()


@pytest.mark.parametrize(
    ("moment", "then_up"),
    [("before the first node", False), ("while it starts", True), ("when the second joins", True)],
)
def test_a_killed_boot_is_taken_away_or_completed(
    before: MachineState, debian: DebianTree, progress: Printed, moment: str, then_up: bool
) -> None:
    with booted_until(moment) as boot:
        os.killpg(boot.pid, signal.SIGKILL)
    if then_up:
        cluster = up(progress, workers=[WORKER])
        assert cluster.kubectl.run("get", "nodes", "--output=name").split()
    down()
    assert_as_before(before, debian)


@pytest.mark.parametrize("moment", ["before the first node", "at the first node", "while it starts"])
def test_an_interrupted_boot_takes_itself_away(before: MachineState, debian: DebianTree, moment: str) -> None:
    with booted_until(moment) as boot:
        os.kill(boot.pid, signal.SIGINT)
        time.sleep(0.3)
        # Who waits presses again: the removal is not broken off.
        os.kill(boot.pid, signal.SIGINT)
    assert_as_before(before, debian)


def test_a_network_that_this_machine_routes_already_is_named_and_left_alone(
    before: MachineState, debian: DebianTree, progress: Printed
) -> None:
    taken = str(ADDRESSES.pods_of(7))
    subprocess.run(["ip", "route", "add", "unreachable", taken], check=True)
    try:
        with pytest.raises(ClusterError, match=taken.replace(".", r"\.")):
            up(progress)
    finally:
        subprocess.run(["ip", "route", "delete", "unreachable", taken], check=True)
    assert_as_before(before, debian)


def test_an_interface_of_somebody_elses_is_named_and_left_alone(
    before: MachineState, debian: DebianTree, progress: Printed
) -> None:
    subprocess.run(["ip", "link", "add", BRIDGE, "type", "bridge"], check=True)
    try:
        with pytest.raises(ClusterError, match=rf"'{BRIDGE}'.*ip link delete {BRIDGE}"):
            up(progress)
        assert not down()
        subprocess.run(["ip", "link", "show", BRIDGE], check=True, stdout=subprocess.DEVNULL)
    finally:
        subprocess.run(["ip", "link", "delete", BRIDGE], check=True)
    assert_as_before(before, debian)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Generator[Layout]:
    """A layout whose state lies on a disk of so many MB."""
    subprocess.run(["mount", "--no-mtab", "-t", "tmpfs", "-o", f"size={megabytes}m", "small", str(folder)], check=True)
    layout = replace(LAYOUT, root=folder / "state")
    try:
        yield layout
        assert not layout.root.exists()
    finally:
        down(layout=layout)
        subprocess.run(["umount", "--no-mtab", str(folder)], check=True)


def test_a_disk_that_is_too_small_is_named_before_anything_is_made(
    before: MachineState, debian: DebianTree, progress: Printed, tmp_path: Path
) -> None:
    with small_disk(tmp_path, 50) as layout, pytest.raises(ClusterError, match=rf"{tmp_path} has 0\.1 GB left"):
        up(progress, layout=layout)
    assert_as_before(before, debian)


@pytest.mark.parametrize("when", ["at once", "while the control plane starts"])
def test_a_disk_that_fills_during_the_boot_is_told_and_nothing_is_left(
    before: MachineState,
    debian: DebianTree,
    progress: Printed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    monkeypatch.setattr(requirements, "NEEDED_DISK_GB", 0.2)
    with small_disk(tmp_path, 300) as layout:
        began = {"at once": layout.root, "while the control plane starts": layout.node(CONTROL.name) / "etcd"}[when]
        over = threading.Event()

        def fill() -> None:
            while not began.exists() and not over.wait(0.01):
                pass
            with (tmp_path / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
                while not over.is_set():
                    filler.write(bytes(2**16))
            over.wait()

        filling = threading.Thread(target=fill)
        filling.start()
        started = time.monotonic()
        try:
            with pytest.raises(ClusterError, match=r"[Dd]isk is full|[Nn]o space left"):
                up(progress, layout=layout)
        finally:
            over.set()
            filling.join()
        assert time.monotonic() - started < READY_WITHIN_S / 2
        assert not layout.root.exists()
    assert_as_before(before, debian)


def test_who_is_not_root_is_told_what_to_use_instead(monkeypatch: pytest.MonkeyPatch, progress: Printed) -> None:
    monkeypatch.setattr(requirements.os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match=r"root.*TRITONUP_KUBECONFIG=PATH make up.*make serve"):
        up(progress)
    assert not LAYOUT.root.exists()
