"""The report as text that is Markdown too: what is printed in a terminal pastes into a design review.

Tables have pipes and a row for each line, so that they are aligned as they stand; a cell that is too long goes on
in the rows below. Pictures stand in fenced blocks. Colour comes from Rich, which leaves it away where there is no
terminal and where NO_COLOR is set; it never carries a meaning of its own.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.text import Text

from cli.report.document import (
    Acceptances,
    Block,
    Document,
    Facts,
    Findings,
    LanesDrawing,
    Paragraph,
    Section,
    Table,
    Timeline,
)
from cli.report.printable import printable
from cli.report.values import Value, counted_span
from planning.findings import Finding

WIDTH = 100
LEAST_WIDTH = 60
CHART = 50
"""Characters of a chart's axis."""
SHORT = 14
LONG = 36
"""Characters of a cell that is not wrapped as long as that can be, and of a word that is not broken."""
MOST_MARKS = 60

Line = tuple[str, str]
"""A line and its style."""


def document_text(document: Document, width: int = WIDTH) -> Text:
    """Lines of `width` characters, but for what has to be copied in one piece (digests, addresses)."""
    text = Text(no_wrap=True)
    for line, style in _document(document, max(LEAST_WIDTH, min(width, WIDTH))):
        text.append(f"{line}\n", style=style or None)
    return text


def _document(document: Document, width: int) -> Iterator[Line]:
    yield f"# {printable(document.title)}", "bold"
    for section in document.sections:
        yield from _section(section, 2, width)


def _section(section: Section, level: int, width: int) -> Iterator[Line]:
    yield "", ""
    yield f"{'#' * level} {printable(section.title)}", "bold"
    for block in section.blocks:
        lines = list(_block(block, width))
        if lines:
            yield "", ""
            yield from lines
    for child in section.sections:
        yield from _section(child, level + 1, width)


def _block(block: Block, width: int) -> Iterator[Line]:
    match block:
        case Paragraph(text=text):
            yield from _wrapped(printable(text), width)
        case Facts(look="list"):
            for fact in block.facts:
                label = f"{printable(fact.label)}: " if fact.label else ""
                yield from _item(f"{label}{_inline(fact.value)}: {printable(fact.because)}", width)
        case Facts():
            rows = [(fact.label, fact.value.text, fact.because) for fact in block.facts]
            yield from _table(("What", "Value", "Because"), rows, width)
        case Table() if block.rows:
            titles = [column.title for column in block.columns]
            yield from _table(titles, [[value.text for value in row] for row in block.rows], width)
        case Table():
            pass
        case Timeline():
            yield from _fenced(_chart(block))
        case LanesDrawing():
            yield from _fenced(_marks(block))
        case Findings(title=title, findings=findings):
            yield f"{printable(title)}: {len(findings) or 'none'}.", ""
            for finding in findings:
                yield from _item(_finding(finding), width, "red" if finding.severity == "error" else "yellow")
        case Acceptances(title=title, accepted=accepted):
            yield f"{printable(title)}: {len(accepted) or 'none'}.", ""
            for known in accepted:
                yield from _item(
                    f"{_finding(known.finding)} Accepted because: {printable(known.reason).rstrip('.')}.", width
                )


def _inline(value: Value) -> str:
    return f"`{printable(value.text)}`" if value.code else printable(value.text)


def _finding(finding: Finding) -> str:
    return f"{finding.rule.id} at {printable(str(finding.at))}: {printable(finding.what)} {printable(finding.fix)}"


def _wrapped(text: str, width: int) -> Iterator[Line]:
    for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False):
        yield line, ""


def _item(text: str, width: int, style: str = "") -> Iterator[Line]:
    for index, (line, _) in enumerate(_wrapped(text, width - 2)):
        yield f"{' ' if index else '-'} {line}", style


def _fenced(lines: Sequence[str]) -> Iterator[Line]:
    yield "```text", "dim"
    for line in lines:
        yield line, ""
    yield "```", "dim"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[Line]:
    cells = [[_cell(cell) for cell in row] for row in (titles, *rows)]
    widths = _widths(cells, width)
    for index, row in enumerate(cells):
        for line in _row(row, widths):
            yield line, "" if index else "bold"
        if index == 0:
            yield "|" + "|".join("-" * (column + 2) for column in widths) + "|", "dim"


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")


def _row(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    columns = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""] for cell, width in zip(cells, widths, strict=True)
    ]
    for index in range(max(len(column) for column in columns)):
        parts = (column[index] if index < len(column) else "" for column in columns)
        yield "| " + " | ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)) + " |"


def _widths(cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """As wide as the cells are. Where that is too much for `width`, the widest column gives way first: short cells
    stay whole, then words do, and these are broken only where even the widest page has no room for them."""
    columns = list(zip(*cells, strict=True))
    widths = [max(1, _widest(column)) for column in columns]
    words = [_widest(" ".join(column).split()) for column in columns]
    short = [whole if whole <= SHORT else min(word, LONG) for whole, word in zip(widths, words, strict=True)]
    borders = 3 * len(columns) + 1
    for floors, room in ((short, width), ([min(word, SHORT) for word in words], width), ([1] * len(words), WIDTH)):
        while sum(widths) + borders > room:
            loose = [at for at, floor in enumerate(floors) if widths[at] > floor]
            if not loose:
                break
            widths[max(loose, key=lambda at: widths[at])] -= 1
    return widths


def _chart(timeline: Timeline) -> list[str]:
    """A row for each step and limit, on one axis of seconds."""
    scale = -(-timeline.end // CHART)
    rows: list[tuple[str, str, str]] = []
    for step in timeline.steps:
        start, end = step.start // scale, max(step.start // scale + 1, -(-step.end // scale))
        rows.append((printable(step.what), " " * start + "=" * (end - start), f"{step.start} to {step.end} s"))
    for limit in timeline.limits:
        rows.append((printable(limit.what), " " * -(-limit.at // scale) + "!", f"{limit.at} s"))
    label, axis = _widest([what for what, _, _ in rows]), _widest([bar for _, bar, _ in rows])
    head = f"seconds from {printable(timeline.origin)}; one character is {scale} s"
    return [head, *(f"{what:<{label}}  |{bar:<{axis}}|  {when}" for what, bar, when in rows)]


def _marks(drawing: LanesDrawing) -> list[str]:
    """`#` for a pod that always runs, `.` for one that may."""
    rows = [
        (
            printable(lane.name),
            printable(lane.capacity),
            ("#" * lane.at_rest + "." * (lane.at_most - lane.at_rest))[:MOST_MARKS],
            counted_span(lane.at_rest, lane.at_most, "pod"),
        )
        for lane in drawing.lanes
    ]
    name, capacity, most = (_widest([row[column] for row in rows]) for column in range(3))
    lines = [f"{row[0]:<{name}}  {row[1]:<{capacity}}  {row[2]:<{most}}  {row[3]}" for row in rows]
    return [*lines, "# a pod that always runs   . one that may be added"]


def _widest(texts: Sequence[str]) -> int:
    return max(map(len, texts), default=0)
