"""What a report consists of. Nothing in it knows how it will be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cli.report.values import Value
from planning.acceptance import Accepted
from planning.findings import Finding

Look = Literal["table", "list", "headline"]
"""How facts are laid out: `table` with the reason beside, `list` where values are long, `headline` for the few
figures that a report begins with."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One value and why it is so. Data has it at `key` with the value's unit appended; where `lanes` are named,
    below each of these lanes instead."""

    key: str
    label: str
    value: Value
    because: str
    lanes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    facts: tuple[Fact, ...]
    look: Look = "table"


@dataclass(frozen=True, slots=True)
class Column:
    key: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of values under `columns`. Without a `key` it is an overview, whose values are facts elsewhere, and data
    leaves it out."""

    key: str | None
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """Of a timeline: from second `start` to second `end`."""

    what: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Limit:
    """Of a timeline: `at` this second it is over, whatever is still going on."""

    what: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Steps and limits in seconds from `origin`."""

    key: str
    origin: str
    steps: tuple[Step, ...]
    limits: tuple[Limit, ...]

    @property
    def end(self) -> int:
        return max([1, *(step.end for step in self.steps), *(limit.at for limit in self.limits)])


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneDrawing:
    name: str
    capacity: str
    at_rest: int
    at_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesDrawing:
    """The pods of each lane, one mark a pod. A picture of facts that stand beside it: data leaves it out."""

    lanes: tuple[LaneDrawing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    key: str
    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptances:
    key: str
    title: str
    accepted: tuple[Accepted, ...]


Block = Facts | Table | Paragraph | Timeline | LanesDrawing | Findings | Acceptances


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """`key` names it in data and in links."""

    key: str
    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`verdict` is the worst severity that nobody accepted."""

    stack: str
    title: str
    verdict: Literal["error", "warning", "clean"]
    sections: tuple[Section, ...]
