"""Documents to show: of planned stacks, and of nothing but words that somebody else chose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cli.report.document import (
    Acceptances,
    Block,
    Column,
    Document,
    Fact,
    Facts,
    Findings,
    LaneDrawing,
    LanesDrawing,
    Limit,
    Paragraph,
    Section,
    Step,
    Table,
    Timeline,
)
from cli.report.sections import planned_document
from cli.report.values import code, seconds, words
from planning.acceptance import Accepted
from planning.findings import Finding, Place, Rule, Severity
from planning.plan import Plan

ROOT = Path("/somewhere/project")


def document_of(plan: Plan, stack: str = "prod") -> Document:
    return planned_document(stack, plan, plan.findings, plan.accepted, ROOT)


def sections_of(document: Document) -> Iterator[Section]:
    """All of them, whatever they stand in."""

    def below(section: Section) -> Iterator[Section]:
        yield section
        for child in section.sections:
            yield from below(child)

    for section in document.sections:
        yield from below(section)


def blocks_of(document: Document) -> Iterator[Block]:
    for section in sections_of(document):
        yield from section.blocks


def facts_of(document: Document) -> Iterator[Fact]:
    for block in blocks_of(document):
        if isinstance(block, Facts):
            yield from block.facts


def section(document: Document, *path: str) -> Section:
    """The section at `path`, as `section(document, "servers", "vision", "leaving")`."""
    here = Section(key="", title="", sections=document.sections)
    for key in path:
        here = next(child for child in here.sections if child.key == key)
    return here


def finding(text: str) -> Finding:
    rule = Rule("TU999", Severity.WARNING, text)
    return Finding(rule=rule, at=Place(file=text, field=text, line=3), what=text, fix=text)


def all_of(text: str) -> Document:
    """A document with every kind of block, which says `text` wherever a stack or a model might bring words along."""
    facts = tuple(Fact(f"fact_{at}", text, value, text) for at, value in enumerate((words(text), code(text))))
    blocks: tuple[Block, ...] = (
        Paragraph(text=text),
        Facts(facts=facts, look="headline"),
        Facts(facts=tuple(Fact(f"listed_{fact.key}", text, fact.value, text) for fact in facts), look="list"),
        Facts(facts=(Fact("duration", text, seconds(7), text, lanes=(text,)),)),
        Table(key="rows", columns=(Column("name", text), Column("because", text)), rows=((words(text), code(text)),)),
        Timeline(
            key="timeline",
            origin=text,
            steps=(Step(text, 0, 5), Step(text, 5, 6)),
            limits=(Limit(text, 6), Limit(text, 30)),
        ),
        LanesDrawing(lanes=(LaneDrawing(name=text, capacity=text, at_rest=1, at_most=3),)),
        Findings(key="warnings", title=text, findings=(finding(text),)),
        Acceptances(key="accepted", title=text, accepted=(Accepted(finding=finding(text), reason=text),)),
    )
    inner = Section(key=text, title=text, blocks=blocks)
    return Document(
        stack=text,
        title=text,
        verdict="warning",
        sections=(Section(key="outer", title=text, blocks=(Paragraph(text=text),), sections=(inner,)),),
    )
