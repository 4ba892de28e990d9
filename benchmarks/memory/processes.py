"""The memory of a group of processes, read from /proc (proc_pid_smaps(5), proc_pid_pagemap(5)).

The proportional set size (PSS) of a page that others map too is a part of it, so a second server on the machine makes
the first one look smaller. A pod is alone with its files. Pages of files are therefore counted here as they would be
there: each page of each file once, however many processes of the group or of others map it. Which pages of a mapping
are present the kernel tells everybody; where they lie in memory is not needed. Memory without a file is private to each
process.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
_PRESENT, _OF_FILE = 1 << 63, 1 << 61


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """In bytes. `anonymous`: without a file. `files`: programs, libraries and what else is mapped. `shared`: of
    /dev/shm. `pss` is the kernel's own sum for comparison, and `peak` what the group had at its greatest, at most."""

    anonymous: int
    files: int
    shared: int
    pss: int
    peak: int

    @property
    def total(self) -> int:
        return self.anonymous + self.files + self.shared


def descendants(ancestor: int) -> tuple[int, ...]:
    """The processes that `ancestor` started, and those that they started."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = stat.read_text().split(" (", 1)
        except OSError:
            continue
        children.setdefault(int(rest.rsplit(")", 1)[1].split()[1]), []).append(int(number))
    found: list[int] = []
    waiting = [ancestor]
    while waiting:
        of = children.get(waiting.pop(), [])
        found += of
        waiting += of
    return tuple(found)


def resident(processes: Sequence[int]) -> Resident:
    """What `processes` hold now. One that has ended holds nothing."""
    pages: dict[tuple[str, str], set[int]] = {}
    anonymous = pss = above = 0
    for process in processes:
        try:
            rollup = _rollup(process)
            above += _peak_above_now(process)
            _add_file_pages(process, pages)
        except (FileNotFoundError, ProcessLookupError):
            continue
        anonymous += rollup["Pss_Anon"]
        pss += rollup["Pss"]
    files = shared = 0
    for (_, path), present in pages.items():
        if path.startswith("/dev/shm/"):
            shared += len(present) * PAGE
        else:
            files += len(present) * PAGE
    return Resident(anonymous=anonymous, files=files, shared=shared, pss=pss, peak=anonymous + files + shared + above)


def _rollup(process: int) -> Mapping[str, int]:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    named = (line.split(":") for line in lines)
    return {name: int(value.split()[0]) * 1024 for name, value in named}


def _peak_above_now(process: int) -> int:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return max(0, int(status["VmHWM"].split()[0]) - int(status["VmRSS"].split()[0])) * 1024


def _add_file_pages(process: int, pages: dict[tuple[str, str], set[int]]) -> None:
    """Pages of files that `process` has mapped and that are present, by device and inode, and path."""
    with Path(f"/proc/{process}/pagemap").open("rb", buffering=0) as pagemap:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            span, _, offset, device, inode, *path = line.split(maxsplit=5)
            if inode == "0":
                continue
            start, stop = (int(end, 16) for end in span.split("-"))
            first = int(offset, 16) // PAGE
            entries = os.pread(pagemap.fileno(), (stop - start) // PAGE * 8, start // PAGE * 8)
            found = pages.setdefault((f"{device}:{inode}", path[0] if path else ""), set())
            found.update(first + index for index in _of_files(entries))


def _of_files(entries: bytes) -> Iterable[int]:
    wanted = _PRESENT | _OF_FILE
    for index, (entry,) in enumerate(struct.iter_unpack("<Q", entries)):
        if entry & wanted == wanted:
            yield index
