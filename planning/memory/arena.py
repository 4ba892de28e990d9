"""What ONNX Runtime's allocator keeps of the memory that its runs have touched.

Its arena takes regions from the system that double in size, hands out the smallest chunk that is large enough, splits
it, merges what comes back, and returns nothing to the system (onnxruntime, core/framework/bfc_arena.cc; defaults of
OrtArenaCfg in allocator.h). The first run of a shape takes every buffer by itself; later ones take one block that all
of them were laid out in (mem_pattern_planner.h), for which there is often no chunk. So a graph keeps two to three times
what it uses at once. Memory is resident from the first touch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from planning.memory.buffers import Run, Take

FIRST_REGION = 2**20
ALIGNMENT = 256
MOST_DEAD_BYTES = 128 * 2**20
"""In a chunk that is not split."""


@dataclass(slots=True)
class _Chunk:
    start: int
    size: int
    free: bool = True


Taken = tuple[int, _Chunk]
"""The number of a region, and a chunk of it."""


class Arena:
    """In bytes. On a host memory counts when it is touched, on a GPU when it is taken."""

    def __init__(self) -> None:
        self._next = FIRST_REGION
        self._regions: list[list[_Chunk]] = []
        self._touched: list[list[tuple[int, int]]] = []
        self.taken = 0
        """All regions."""

    def take(self, size: int) -> Taken:
        need = max(ALIGNMENT, _aligned(size))
        fitting = (
            (chunk.size, region, index)
            for region, chunks in enumerate(self._regions)
            for index, chunk in enumerate(chunks)
            if chunk.free and chunk.size >= need
        )
        _, region, index = min(fitting, default=(0, -1, -1))
        if region < 0:
            region, index = self._extend(need), 0
        chunks = self._regions[region]
        chunk = chunks[index]
        if chunk.size >= 2 * need or chunk.size - need >= MOST_DEAD_BYTES:
            chunks.insert(index + 1, _Chunk(chunk.start + need, chunk.size - need))
            chunk.size = need
        chunk.free = False
        self._touched[region].append((chunk.start, chunk.start + need))
        return region, chunk

    def give(self, taken: Taken) -> None:
        region, chunk = taken
        chunks = self._regions[region]
        chunk.free = True
        index = next(index for index, one in enumerate(chunks) if one is chunk)
        if index + 1 < len(chunks) and chunks[index + 1].free:
            chunk.size += chunks.pop(index + 1).size
        if index and chunks[index - 1].free:
            chunks[index - 1].size += chunks.pop(index).size

    @property
    def touched(self) -> int:
        return sum(_covered(intervals) for intervals in self._touched)

    def _extend(self, need: int) -> int:
        grew = need > self._next
        while need > self._next:
            self._next *= 2
        self._regions.append([_Chunk(0, self._next)])
        self._touched.append([])
        self.taken += self._next
        if not grew:
            self._next *= 2
        return len(self._regions) - 1


def kept(run: Run) -> Arena:
    """An arena after two runs, from which on it stays as it is."""
    arena = Arena()
    taken: dict[int, Taken] = {}
    for step in run.steps:
        if not run.sizes[step.buffer]:
            continue
        if isinstance(step, Take):
            taken[step.buffer] = arena.take(run.sizes[step.buffer])
        else:
            arena.give(taken.pop(step.buffer))
    for chunk in taken.values():
        arena.give(chunk)
    block = block_bytes(run)
    again = [arena.take(size) for size in (block, *(run.sizes[number] for number in sorted(run.results))) if size]
    for chunk in again:
        arena.give(chunk)
    return arena


def block_bytes(run: Run) -> int:
    """Of the block that a repeated run takes at once: its buffers but the results, each in the tightest gap."""
    size = 0
    placed: dict[int, tuple[int, int]] = {}
    for step in run.steps:
        number = step.buffer
        if number in run.results or not run.sizes[number]:
            continue
        if isinstance(step, Take):
            need = _aligned(run.sizes[number])
            start = _gap(sorted(placed.values()), size, need)
            placed[number] = (start, start + need)
            size = max(size, start + need)
        else:
            del placed[number]
    return size


def _gap(placed: Iterable[tuple[int, int]], end: int, need: int) -> int:
    """Where the tightest gap that holds `need` starts, or the end of all that is placed."""
    gaps: list[tuple[int, int]] = []
    at = 0
    for start, stop in placed:
        if start - at >= need:
            gaps.append((start - at, at))
        at = max(at, stop)
    if end - at >= need:
        gaps.append((end - at, at))
    return min(gaps)[1] if gaps else at


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _covered(intervals: Iterable[tuple[int, int]]) -> int:
    total = end = 0
    for start, stop in sorted(intervals):
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return total
