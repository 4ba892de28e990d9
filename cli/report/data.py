"""The report as data: every value under a key that ends with its unit, its reason beside it."""

from __future__ import annotations

from collections.abc import Iterator

from cli.check import as_json
from cli.report.document import (
    Acceptances,
    Document,
    Fact,
    Facts,
    Findings,
    LanesDrawing,
    Paragraph,
    Section,
    Table,
    Timeline,
)
from cli.report.values import Data, Value

Object = dict[str, Data]


def document_data(document: Document) -> Object:
    """Keys are stable: other programs read them. A key that two parts of a section claim is a ValueError."""
    return {
        "stack": document.stack,
        "verdict": document.verdict,
        **{section.key: _section(section) for section in document.sections},
    }


def _section(section: Section) -> Object:
    found: Object = {}
    for key, value in _parts(section):
        if key in found:
            raise ValueError(f"the report's section {section.title!r} has {key!r} twice")
        found[key] = value
    return found


def _parts(section: Section) -> Iterator[tuple[str, Data]]:
    lanes: dict[str, Data] = {}
    for block in section.blocks:
        match block:
            case Facts(facts=facts):
                for fact in facts:
                    if not fact.lanes:
                        yield _key(fact.key, fact.value), _fact(fact)
                    for lane in fact.lanes:
                        of_lane = lanes.setdefault(lane, {})
                        assert isinstance(of_lane, dict)
                        of_lane[_key(fact.key, fact.value)] = _fact(fact)
            case Table(key=str(key)):
                yield key, _rows(block)
            case Timeline(key=key):
                yield key, _timeline(block)
            case Findings(key=key, findings=findings):
                yield key, [as_json(finding) for finding in findings]
            case Acceptances(key=key, accepted=accepted):
                yield key, [{**as_json(known.finding), "accepted_because": known.reason} for known in accepted]
            case Paragraph() | LanesDrawing() | Table():
                pass
    if lanes:
        yield "lanes", lanes
    for child in section.sections:
        yield child.key, _section(child)


def _key(key: str, value: Value) -> str:
    return f"{key}_{value.unit}" if value.unit else key


def _fact(fact: Fact) -> Object:
    return {"value": fact.value.data, "because": fact.because}


def _rows(table: Table) -> list[Data]:
    return [
        {_key(column.key, value): value.data for column, value in zip(table.columns, row, strict=True)}
        for row in table.rows
    ]


def _timeline(timeline: Timeline) -> Object:
    steps: list[Data] = [
        {"what": step.what, "from_seconds": step.start, "until_seconds": step.end} for step in timeline.steps
    ]
    limits: list[Data] = [{"what": limit.what, "at_seconds": limit.at} for limit in timeline.limits]
    return {"from": timeline.origin, "steps": steps, "limits": limits}
