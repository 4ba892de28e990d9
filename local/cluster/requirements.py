"""Whether this machine can carry the cluster, and what to use instead where it cannot."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from local.cluster import cgroups
from local.cluster.debian import INSTEAD
from local.cluster.errors import ClusterError
from local.cluster.layout import Layout

COMMANDS = {"ip": "iproute2", "nsenter": "util-linux", "openssl": "openssl"}
"""What must be on the PATH, and the Debian package that has it."""

NEEDED_DISK_GB = 6
"""Measured: sources and build cache of the programs aside, 2 GB of programs and images, twice while they are unpacked,
and room for the pods."""


def require_machine(layout: Layout) -> None:
    """ClusterError with every reason why not."""
    if reasons := list(_reasons(layout)):
        raise ClusterError(f"A cluster cannot run here: {'; '.join(reasons)}. {INSTEAD}")


def _reasons(layout: Layout) -> list[str]:
    if sys.platform != "linux" or platform.machine() not in {"x86_64", "AMD64"}:
        return [f"it needs Linux on x86-64, and this is {platform.system()} on {platform.machine()}"]
    if os.geteuid() != 0:
        return ["it needs root (namespaces, mounts, control groups), and this user is not"]
    reasons = [
        f"there is no `{command}` on the PATH (Debian package {package})"
        for command, package in COMMANDS.items()
        if not shutil.which(command)
    ]
    reasons += [
        f"the kernel has no {name} namespaces" for name in ("pid", "net", "mnt", "uts", "ipc") if not _has(name)
    ]
    if why := cgroups.lacking():
        reasons.append(why)
    if "overlay" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        reasons.append("the kernel has no overlay file system")
    if not layout.root.exists():
        # The same disk most often, but a project may lie on another.
        needed = {layout.root: NEEDED_DISK_GB}
        if not (layout.cache / "images").exists():
            needed[layout.cache] = NEEDED_DISK_GB
        for folder, gigabytes in needed.items():
            there = _existing(folder)
            free = shutil.disk_usage(there).free / 1e9
            reason = f"{there} has {free:.1f} GB left, and {gigabytes} are needed"
            if free < gigabytes and reason not in reasons:
                reasons.append(reason)
    return reasons


def _has(namespace: str) -> bool:
    return Path("/proc/self/ns", namespace).exists()


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())
