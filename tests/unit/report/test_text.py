"""The report as text: what a terminal, a pipe and a design review make of it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cli.report.document import Document, Facts, LaneDrawing, LanesDrawing, Section, Table
from cli.report.printable import printable
from cli.report.text import MOST_MARKS, WIDTH, document_text
from tests.unit.planning.drawn_stacks import stacks
from tests.unit.planning.world import Raw, planned, planned_with
from tests.unit.report.reports import all_of, blocks_of, document_of

ESCAPE = "\x1b"
RULE = r"\|(-+\|)+"
"""The line below a table's head."""


@given(stacks())
def test_only_what_must_be_copied_whole_is_wider_than_the_page(raw: Raw) -> None:
    for line in _lines(document_of(planned(raw))):
        assert len(line) <= WIDTH or len(line.removeprefix("- ").split()) == 1, line


@given(stacks())
def test_no_cell_of_a_table_is_lost_by_wrapping(raw: Raw) -> None:
    document = document_of(planned(raw))
    shown = [_unspaced(row) for table in _tables(_lines(document)) for row in table]
    expected: list[str] = []
    for block in blocks_of(document):
        if isinstance(block, Facts) and block.look != "list":
            rows = [(fact.label, fact.value.text, fact.because) for fact in block.facts]
            expected += [_unspaced(["What", "Value", "Because"]), *map(_unspaced, rows)]
        elif isinstance(block, Table) and block.rows:
            expected.append(_unspaced([column.title for column in block.columns]))
            expected += [_unspaced([value.text for value in row]) for row in block.rows]
    # A row that is wrapped goes on in the rows below it, so rows are compared as one text.
    assert "".join(sorted("".join(shown))) == "".join(sorted("".join(expected)))


@given(stacks())
def test_tables_are_aligned(raw: Raw) -> None:
    for table in _tables_as_lines(_lines(document_of(planned(raw)))):
        assert len({len(line) for line in table}) == 1, table
        assert sum(re.fullmatch(RULE, line) is not None for line in table) == 1


def test_a_pipe_gets_no_colour_and_nothing_that_breaks_a_paste() -> None:
    out = io.StringIO()
    Console(file=out, soft_wrap=True, highlight=False).print(document_text(document_of(planned_with({}))), end="")
    assert ESCAPE not in out.getvalue()
    assert not re.search("[\u2500-\u257f]", out.getvalue())  # box drawing
    assert all(line == line.rstrip() for line in out.getvalue().splitlines())


def test_no_color_is_respected_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = document_text(all_of("x"))
    coloured, plain = io.StringIO(), io.StringIO()
    Console(file=coloured, force_terminal=True, color_system="standard", _environ={}).print(findings)
    Console(file=plain, force_terminal=True, color_system="standard", _environ={"NO_COLOR": "1"}).print(findings)
    colour = re.compile(ESCAPE + r"\[(\d+;)*[34][0-7]m")
    assert colour.search(coloured.getvalue())
    assert not colour.search(plain.getvalue())


@given(st.text(min_size=1))
def test_nothing_that_a_terminal_would_obey_gets_through(text: str) -> None:
    shown = document_text(all_of(text)).plain
    assert all(character.isprintable() or character == "\n" for character in shown)


@pytest.mark.parametrize("width", [1, 60, 75, 100, 400])
def test_any_width_of_terminal_shows_every_table_aligned(width: int) -> None:
    lines = document_text(document_of(planned_with({})), width).plain.splitlines()
    for table in _tables_as_lines(lines):
        assert len({len(line) for line in table}) == 1
        assert len(table[0]) <= WIDTH


def test_a_pipe_in_a_name_does_not_open_a_cell() -> None:
    (table,) = _tables_as_lines(_lines(_facts_alone("a|b")))
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 4 for line in table)


def test_as_many_marks_as_pods_and_no_more_than_fit() -> None:
    lanes = (
        LaneDrawing(name="few", capacity="spot", at_rest=1, at_most=4),
        LaneDrawing(name="many", capacity="spot", at_rest=2, at_most=5000),
    )
    part = Section(key="part", title="Part", blocks=(LanesDrawing(lanes=lanes),))
    few, many = [
        line for line in _lines(Document(stack="s", title="t", verdict="clean", sections=(part,))) if " spot " in line
    ]
    assert (few.count("#"), few.count(".")) == (1, 3)
    assert (many.count("#"), many.count(".")) == (2, MOST_MARKS - 2)
    assert "2 to 5,000 pods" in many


def test_what_is_not_printable_is_spelt_out() -> None:
    assert printable("a\x1b[31m\u202eb\n c") == "a\\x1b[31m\\u202eb c"


def _facts_alone(name: str) -> Document:
    document = all_of(name)
    facts = next(block for block in blocks_of(document) if isinstance(block, Facts) and block.look == "table")
    return Document(
        stack="s",
        title="t",
        verdict="clean",
        sections=(Section(key="part", title="Part", blocks=(facts,)),),
    )


def _lines(document: Document) -> list[str]:
    return document_text(document).plain.splitlines()


def _tables_as_lines(lines: list[str]) -> Iterator[list[str]]:
    table: list[str] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            table.append(line)
        elif table:
            yield table
            table = []


def _tables(lines: list[str]) -> Iterator[list[list[str]]]:
    for table in _tables_as_lines(lines):
        rows = [line for line in table if not re.fullmatch(RULE, line)]
        yield [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def _unspaced(cells: object) -> str:
    assert isinstance(cells, list | tuple)
    return "".join(printable(cell).replace(" ", "").replace("|", "\\|") for cell in cells)
