"""The control groups below which each node keeps its pods: /tritonup/<node>, in version 1 in every hierarchy."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from local.cluster.errors import ClusterError
from local.cluster.layout import CGROUP

MOUNT = Path("/sys/fs/cgroup")

NEEDED = ("cpu", "cpuset", "memory", "pids")
"""Controllers without which the kubelet does not start (its container manager's requirements on Linux)."""

UNIFIED = (MOUNT / "unified",)
"""Version 2 without controllers beside the hierarchies of version 1, as systemd mounts it: runc makes groups there."""

GONE_WITHIN_S = 10.0

PODS_WEIGHT = 65536
"""Shares of the CPU that all pods have together: before anything else of the cluster. Each thread outside has 1024, and
a busy API server, etcd and kubelets have dozens. Triton's Python backend takes a model's process that has not run for a
second to be dead (python_backend, `stub_launcher.cc`, `ReceiveMessageFromStub`)."""


def unified() -> bool:
    """Whether this machine has control groups of version 2 alone."""
    return (MOUNT / "cgroup.controllers").exists()


def lacking() -> str | None:
    """Why the kubelet could not limit anything here, or None."""
    if unified():
        there = (MOUNT / "cgroup.controllers").read_text(encoding="ascii").split()
    else:
        there = [path.name for path in MOUNT.glob("*/") if (path / "cgroup.procs").exists()]
    missing = [name for name in NEEDED if name not in there]
    return f"this machine's control groups lack {', '.join(missing)}" if missing else None


def make(node: str) -> str:
    """The group of `node`, as the kubelet's cgroupRoot names it."""
    for root in hierarchies():
        parent = root / CGROUP
        (parent / node).mkdir(parents=True, exist_ok=True)
        if unified():
            hand_down([root, parent])
        weigh(parent, PODS_WEIGHT)
        if root.name == "cpuset":
            take_cpus(root, [parent, parent / node])
    return f"/{CGROUP}/{node}"


def hand_down(groups: Sequence[Path]) -> None:
    """Version 2: what is below each of `groups` can be limited too."""
    for group in groups:
        (group / "cgroup.subtree_control").write_text("+cpu +cpuset +memory +pids", encoding="ascii")


def weigh(group: Path, shares: int) -> None:
    """Give `group` so many shares of the CPU, where its hierarchy has them."""
    # Version 2 counts otherwise: https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/2254-cgroup-v2
    counts = {"cpu.shares": shares, "cpu.weight": 1 + (shares - 2) * 9999 // 262142}
    for name, count in counts.items():
        if (group / name).exists():
            (group / name).write_text(str(count), encoding="ascii")


def take_cpus(root: Path, groups: Sequence[Path]) -> None:
    """Give `groups`, each below the one before, all of `root`'s: an empty set may hold no process, and it is not
    inherited in version 1."""
    for group in groups:
        for name in ("cpuset.cpus", "cpuset.mems"):
            (group / name).write_text((root / name).read_text(encoding="ascii"), encoding="ascii")


def remove(node: str | None = None) -> None:
    """The group of `node`, or of all nodes, with everything below. Its processes have been killed before."""
    remove_tree(f"{CGROUP}/{node}" if node else CGROUP)


def remove_tree(name: str) -> None:
    """The group `name` of every hierarchy with everything below. Its processes have been killed before."""
    deadline = time.monotonic() + GONE_WITHIN_S
    for root in all_hierarchies():
        top = root / name
        while top.exists():
            try:
                for group in sorted((path for path in top.rglob("*/")), key=lambda path: len(path.parts), reverse=True):
                    group.rmdir()
                top.rmdir()
            except FileNotFoundError:
                continue
            except OSError as busy:  # a process that was killed has not been reaped yet
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"The control group {busy.filename} cannot be removed: {busy.strerror}."
                    ) from busy
                time.sleep(0.05)


def hierarchies() -> list[Path]:
    """Where groups are made: one folder in version 2, one for each controller in version 1."""
    if unified():
        return [MOUNT]
    return sorted(path for path in MOUNT.glob("*/") if (path / "cgroup.procs").exists() and path not in UNIFIED)


def all_hierarchies() -> list[Path]:
    """Those of `hierarchies`, and version 2 beside them."""
    return [*hierarchies(), *(path for path in UNIFIED if path.exists())]
