"""What planning says of a server's memory, and what a real one has of it."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from pathlib import Path

from serving_workplace import Workplace
from small_models import doubling

from benchmarks.memory.processes import PAGE, descendants, resident

MIB = 2**20

HOLDER = """
import mmap, os, sys
with open(sys.argv[1], "rb") as file:
    mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
sum(mapped[at] for at in range(0, len(mapped), mmap.PAGESIZE))
own = bytearray(os.urandom(int(sys.argv[2])))
print("ready", flush=True)
sys.stdin.read()
"""


def holder(path: Path, size: int) -> subprocess.Popen[bytes]:
    """A process that maps all of the file at `path`, and holds `size` bytes of its own."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", HOLDER, str(path), str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_a_file_that_two_processes_map_is_counted_once_and_their_own_memory_twice(tmp_path: Path) -> None:
    file = tmp_path / "mapped"
    file.write_bytes(os.urandom(8 * MIB))
    holders = [holder(file, 16 * MIB) for _ in range(2)]
    try:
        one, both = resident([holders[0].pid]), resident([held.pid for held in holders])
    finally:
        for held in holders:
            held.communicate()
    assert one.files >= 8 * MIB
    assert both.files - one.files < 1 * MIB
    assert one.anonymous >= 16 * MIB
    assert both.anonymous - one.anonymous >= 16 * MIB
    assert both.pss <= both.total
    assert mmap.PAGESIZE == PAGE


def test_the_memory_of_a_real_server_is_that_of_all_its_processes(workplace: Workplace, tmp_path: Path) -> None:
    triton = workplace.start_ready([doubling(tmp_path)])
    processes = descendants(triton.keeper_pid)
    names = sorted(Path(f"/proc/{one}/comm").read_text().strip() for one in processes)
    assert names == ["triton_python_b", "tritonserver"]
    seen = resident(processes)
    assert seen.total > max(resident([one]).total for one in processes)
    # A server of the least ONNX model, which docs/memory.md has at 100 MiB.
    assert 80 * MIB < seen.total < 125 * MIB
    assert seen.peak >= seen.total
