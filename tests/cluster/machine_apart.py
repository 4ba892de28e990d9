"""A part of this machine where a command finds nobody else: a network, processes, mounts and control groups of its own,
and under /var/lib nothing of ours. So two clusters with the same names and addresses run beside each other.

Run as a script: `machine_apart.py NAME SHARES COMMAND…` runs the command in it and ends with its exit code. SIGINT is
passed on to the command. The end of this script, however it came about, is the end of everything in there; what stays
on the machine, empty control groups and a folder, goes with `clear`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from local.cluster import cgroups
from local.cluster.boot import FAILED_LOGS
from local.cluster.errors import ClusterError
from local.cluster.layout import MOUNT_POINTS, STATE

VAR_LIB = STATE.parent

FOLDERS = VAR_LIB / "tritonup-apart"
"""On the same disk as a cluster's state: the overlays of its containers must lie on a real one."""

GROUP = "tritonup-apart"

CLONE_NEWNS, CLONE_NEWCGROUP = 0x00020000, 0x02000000
CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x20000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
"""sched.h, sys/mount.h and sys/prctl.h of Linux."""

WAITED_FOR = {signal.SIGINT, signal.SIGTERM, signal.SIGCHLD}

_LIBC = ctypes.CDLL(None, use_errno=True)


SHARES = 1024
"""Of the CPU, against other parts. All of them together have `ALL_SHARES` against what runs outside, where every
process has 1024 of its own."""

ALL_SHARES = 16 * SHARES


def command(name: str, *inside: str, shares: int = SHARES) -> list[str]:
    """What runs `inside` in the part called `name`."""
    return [sys.executable, str(Path(__file__)), name, str(shares), *inside]


def clear(names: Iterable[str]) -> None:
    """Take away what is left of these parts. Nothing may run in them any more."""
    for name in names:
        cgroups.remove_tree(f"{GROUP}/{name}")
        shutil.rmtree(FOLDERS / name, ignore_errors=True)
    for parent in (FOLDERS, *(root / GROUP for root in cgroups.all_hierarchies())):
        with contextlib.suppress(OSError):  # there is none, or it holds another's
            parent.rmdir()


def run(name: str, shares: int, inside: list[str]) -> int:
    _dies_with_its_parent()
    groups = _join_groups(name, shares)
    everything = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
    _checked(_LIBC.unshare(everything), "unshare")
    if cgroups.unified():
        # In version 2 a group that hands something down holds no process, and what was joined is now the root.
        for group in groups:
            (group / "inside").mkdir(exist_ok=True)
            _join(group / "inside")
    # Waited for below: none is missed, whenever it comes.
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)
    first = os.fork()
    if first == 0:
        _dies_with_its_parent()
        os._exit(_first_process(name, inside))
    while True:
        told = signal.sigwait(WAITED_FOR)
        if told != signal.SIGCHLD:
            os.kill(first, told)
            continue
        ended, status = os.waitpid(first, os.WNOHANG)
        if ended:
            return abs(os.waitstatus_to_exitcode(status))


def _first_process(name: str, inside: list[str]) -> int:
    """The first process of the part's PID namespace: its exit code. When it ends, the kernel ends all others."""
    _mount_all(name)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    main = os.fork()
    if main == 0:
        # Where this was begun in the background, SIGINT is ignored, and who is tested would ignore it too.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITED_FOR)
        os.setsid()
        os.execvp(inside[0], inside)
    while True:
        told = signal.sigwait(WAITED_FOR)
        if told == signal.SIGTERM:
            return 128 + signal.SIGTERM
        if told == signal.SIGINT:
            os.kill(main, signal.SIGINT)
        for ended, status in _reaped():
            if ended == main:
                return abs(os.waitstatus_to_exitcode(status))


def _reaped() -> Iterator[tuple[int, int]]:
    """Whatever has ended, the cluster's orphans too."""
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if ended == 0:
            return
        yield ended, status


def _join_groups(name: str, shares: int) -> list[Path]:
    """Those that were joined."""
    groups = [root / GROUP / name for root in cgroups.all_hierarchies()]
    for group in groups:
        above, root = group.parent, group.parent.parent
        group.mkdir(parents=True, exist_ok=True)
        if cgroups.unified():
            cgroups.hand_down([root, above])
        if root.name == "cpuset":
            cgroups.take_cpus(root, [above, group])
        cgroups.weigh(above, ALL_SHARES)
        cgroups.weigh(group, shares)
        _join(group)
    return groups


def _join(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")


def _mount_all(name: str) -> None:
    _mount(None, "/", MS_REC | MS_PRIVATE)
    _mount("proc", "/proc", 0, "proc")
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        of_mount, _, of_system = line.partition(" - ")
        place, (kind, _, options) = of_mount.split()[4], of_system.split()
        if kind in ("cgroup", "cgroup2") and Path(place).is_relative_to(cgroups.MOUNT):
            # Mounted anew, its root is this part's own group (cgroup_namespaces(7)).
            _checked(_LIBC.umount2(place.encode(), MNT_DETACH), f"umount {place}")
            given = ",".join(each for each in options.split(",") if each not in ("rw", "ro"))
            _mount(kind, place, 0, kind, given if kind == "cgroup" else None)
    folder = FOLDERS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for there in VAR_LIB.iterdir():
        if there.is_dir() and not there.is_symlink() and there not in MOUNT_POINTS and "tritonup" not in there.name:
            (folder / there.name).mkdir()
            _mount(str(there), str(folder / there.name), MS_BIND | MS_REC)
    _mount(str(folder), str(VAR_LIB), MS_BIND | MS_REC)
    logs = FAILED_LOGS.with_name(f"{FAILED_LOGS.name}-{name}")
    for place in (logs, FAILED_LOGS):
        place.mkdir(parents=True, exist_ok=True)
    _mount(str(logs), str(FAILED_LOGS), MS_BIND)


def _mount(source: str | None, target: str, flags: int, kind: str | None = None, data: str | None = None) -> None:
    given = [None if text is None else text.encode() for text in (source, target, kind, data)]
    _checked(_LIBC.mount(given[0], given[1], given[2], flags, given[3]), f"mount {target}")


def _dies_with_its_parent() -> None:
    _checked(_LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "prctl")


def _checked(result: int, doing: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
    except (OSError, ClusterError) as refused:
        sys.exit(f"{refused}")
