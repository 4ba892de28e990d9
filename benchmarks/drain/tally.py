"""What the runs come to: losses per run, by setting, disruption and kind of client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.drain.run import Cell, Run

CRASH = "crash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """`lost` holds a number for each run, in their order; `doubted` is how many runs' client was late itself."""

    sent: int
    during: int
    lost: tuple[int, ...]
    why: Counter[str]
    doubted: int

    @property
    def total(self) -> int:
        return sum(self.lost)


def tally(runs: Iterable[Run], *, settings: str, kinds: Sequence[str], clients: Sequence[str]) -> Tally:
    """Over the runs of `kinds`, and in each over the cells of `settings` and `clients`."""
    picked = [
        cells
        for run in runs
        if run.kind in kinds
        and (cells := [cell for cell in run.cells if cell.settings == settings and cell.client in clients])
    ]
    every = [cell for cells in picked for cell in cells]
    why: Counter[str] = Counter()
    for cell in every:
        why.update(cell.lost)
    return Tally(
        sent=sum(cell.sent for cell in every),
        during=sum(cell.during for cell in every),
        lost=tuple(sum(lost_of(cell) for cell in cells) for cells in picked),
        why=why,
        doubted=sum(any(cell.doubt for cell in cells) for cells in picked),
    )


def lost_of(cell: Cell) -> int:
    return sum(cell.lost.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A number for each run: what the killed server was answering (all of it is lost), what was lost afterwards, and
    how many seconds after the kill the last of that was sent."""

    in_flight: tuple[int, ...]
    later: tuple[int, ...]
    last_s: tuple[float, ...]


def crash(runs: Iterable[Run], *, settings: str) -> Crash:
    in_flight: list[int] = []
    later: list[int] = []
    last_s: list[float] = []
    for run in runs:
        cells = [cell for cell in run.cells if cell.settings == settings]
        if run.kind != CRASH or not cells:
            continue
        in_flight.append(sum(cell.lost_in_flight or 0 for cell in cells))
        later.append(sum(map(lost_of, cells)) - in_flight[-1])
        last_s.append(max((max(cell.lost_at) for cell in cells if cell.lost_at), default=0.0))
    return Crash(in_flight=tuple(in_flight), later=tuple(later), last_s=tuple(last_s))
