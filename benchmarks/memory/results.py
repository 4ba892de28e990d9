"""benchmarks/memory/results.json: what was measured, and what planning said then."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from benchmarks.memory.cases import Case, Use
from benchmarks.memory.processes import Resident
from benchmarks.memory.servers import Seen, planned_case

RESULTS = Path(__file__).with_name("results.json")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartSaid(_Strict):
    """In bytes."""

    name: str
    size: int
    error: int


class Said(_Strict):
    """By planning. `most` is what TU402 asks for; `start_s` its estimate of a start, `budget_s` how long a start is
    waited for."""

    parts: tuple[PartSaid, ...]
    error: int
    most: int
    start_s: int
    budget_s: int

    @property
    def value(self) -> int:
        return sum(part.size for part in self.parts)


class Memory(_Strict):
    """Of all processes of the server, in bytes; `benchmarks.memory.processes` says of what kind."""

    anonymous: int
    files: int
    shared: int
    pss: int
    peak: int

    @property
    def total(self) -> int:
        return self.anonymous + self.files + self.shared


class Measured(_Strict):
    name: str
    use: Use
    models: tuple[str, ...]
    started_s: float
    ready: Memory
    asked: Memory
    said: Said

    @property
    def ratio(self) -> float:
        """What planning says to what was measured after the greatest requests."""
        return self.said.value / self.asked.total


class Results(_Strict):
    on: str
    cores: int
    kernel: str
    versions: dict[str, str]
    requests: int
    """Of each model."""
    cases: tuple[Measured, ...]


def read_results() -> Results:
    return Results.model_validate_json(RESULTS.read_text(encoding="utf-8"))


def write_results(results: Results) -> None:
    RESULTS.write_text(json.dumps(results.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")


def said_of(case: Case) -> Said:
    """What planning says of `case` now."""
    _, server = planned_case(case)
    host = server.needs.host
    return Said(
        parts=tuple(PartSaid(name=part.name, size=part.size, error=part.error) for part in host.parts),
        error=host.error,
        most=host.most,
        start_s=server.startup.estimate.value,
        budget_s=server.startup.budget.value,
    )


def measured(case: Case, seen: Seen) -> Measured:
    return Measured(
        name=case.name,
        use=case.use,
        models=case.models,
        started_s=round(seen.started_s, 2),
        ready=_memory(seen.ready),
        asked=_memory(seen.asked),
        said=said_of(case),
    )


def _memory(seen: Resident) -> Memory:
    return Memory(
        anonymous=seen.anonymous, files=seen.files, shared=seen.shared, pss=seen.pss, peak=max(seen.peak, seen.total)
    )
