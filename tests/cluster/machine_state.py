"""What of a machine a cluster could leave behind, to be compared before and after."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.cluster.debian import DebianTree
from local.cluster.layout import LAYOUT
from local.cluster.processes import process_id

SYSCTLS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")
FOLDERS = ("/var/lib", "/var/log", "/run", "/etc", "/opt")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineState:
    """Sets of names, so that a difference reads well. `namespaces` are those that any process is in, by kind and
    inode; `rules` is the packet filter without counters."""

    processes: frozenset[str]
    namespaces: frozenset[str]
    mounts: frozenset[str]
    interfaces: frozenset[str]
    routes: frozenset[str]
    rules: str
    cgroups: frozenset[str]
    folders: frozenset[str]
    sysctls: tuple[str, ...]


def machine_state(debian: DebianTree) -> MachineState:
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    links = json.loads(_told("ip", "-json", "link"))
    filters = subprocess.run(
        [str(debian.program("nft")), "--stateless", "list", "ruleset"],
        env={"LD_LIBRARY_PATH": debian.libraries},
        capture_output=True,
        text=True,
        check=True,
    )
    return MachineState(
        processes=frozenset(_processes()),
        namespaces=frozenset(_namespaces()),
        mounts=frozenset(line.split(" - ")[0].split()[4] for line in mounts),
        interfaces=frozenset(link["ifname"] for link in links),
        routes=frozenset(_told("ip", "route", "show", "table", "all").splitlines()),
        rules=filters.stdout,
        cgroups=frozenset(str(path) for path in Path("/sys/fs/cgroup").rglob("*tritonup*")),
        folders=frozenset(str(path) for folder in FOLDERS for path in Path(folder).iterdir()),
        sysctls=tuple(Path("/proc/sys", name).read_text(encoding="ascii").strip() for name in SYSCTLS),
    )


def _processes() -> list[str]:
    """Those that run a program of ours or know of the cluster's folder: others come and go meanwhile."""
    marks = (str(LAYOUT.root), str(LAYOUT.cache / "bin"), str(LAYOUT.tools / "debian"))
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if any(mark in command for mark in marks):
            found.append(f"{process.name} {command}")
    return found


def _namespaces() -> list[str]:
    """Of those that run: what has ended and is not yet reaped by its parent is in none that matters."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        if process_id(int(process.name)) is None:
            continue
        for kind in ("net", "pid", "mnt"):
            try:
                found.append(str((process / "ns" / kind).readlink()))
            except OSError:
                continue
    return found


def _told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
