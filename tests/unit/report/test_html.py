"""The report as a page: whole, alone, and deaf to what names try to say."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import example, given
from hypothesis import strategies as st

from cli.report.document import LaneDrawing, Timeline
from cli.report.drawings import MOST_SQUARES, squares
from cli.report.html import document_html
from cli.report.printable import printable
from tests.unit.planning.drawn_stacks import stacks
from tests.unit.planning.world import Raw, planned, planned_with
from tests.unit.report.reports import all_of, blocks_of, document_of, facts_of, sections_of

VOID = {"meta"}

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)></style><!--&amp;\x1b]0;\u202e"


class Page(HTMLParser):
    """What a browser would make of it. Tags that are not closed in order are an assertion error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.said: list[str] = []
        self.comments = 0
        self.data = ""
        self.feed(text)
        self.close()
        self._said()
        assert self.open == []

    def _said(self) -> None:
        if self.data and "style" not in self.open:
            self.said.append(self.data.strip(" \n"))
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._said()
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.remove(tag)

    def handle_endtag(self, tag: str) -> None:
        self._said()
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.data += data

    def handle_comment(self, data: str) -> None:
        self.comments += 1

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


@given(stacks())
def test_every_link_leads_to_one_place_of_the_page(raw: Raw) -> None:
    document = document_of(planned(raw))
    page = Page(document_html(document))
    ids = page.values("id")
    assert len(ids) == len(set(ids)) == len(list(sections_of(document)))
    assert page.values("href") == [f"#{anchor}" for anchor in ids]


@given(stacks())
def test_every_value_and_its_reason_is_on_the_page(raw: Raw) -> None:
    document = document_of(planned(raw))
    said = set(Page(document_html(document)).said)
    for fact in facts_of(document):
        assert {printable(fact.value.text), printable(fact.because)} <= said


def test_a_page_needs_nothing_but_itself() -> None:
    text = document_html(document_of(planned_with({})))
    page = Page(text)
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use"})
    names = {name for _, name, _ in page.attributes}
    assert names.isdisjoint({"src", "srcset", "style", "xlink:href", "action"})
    assert not any(name.startswith("on") for name in names)
    assert "url(" not in text
    assert "@import" not in text


@given(st.text(min_size=1))
@example(HOSTILE)
def test_no_name_becomes_markup(text: str) -> None:
    harmless, page = Page(document_html(all_of("harmless"))), Page(document_html(all_of(text)))
    assert page.tags == harmless.tags
    assert page.comments == 0
    shape = [(tag, name) for tag, name, _ in page.attributes]
    assert shape == [(tag, name) for tag, name, _ in harmless.attributes]
    if shown := printable(text):
        assert shown in page.said


def test_a_hostile_name_is_shown_as_it_is_written() -> None:
    page = Page(document_html(all_of(HOSTILE)))
    assert page.said.count(printable(HOSTILE)) >= 10
    assert "\x1b" not in "".join(page.said)


def test_keys_that_differ_in_a_mark_only_have_anchors_that_differ() -> None:
    document = all_of("a b")
    (outer,) = document.sections
    keys = ("a.b", "a b", "a~b", "a~2eb", "A.b", "ä")
    parts = tuple(replace(outer.sections[0], key=key) for key in keys)
    page = Page(document_html(replace(document, sections=(replace(outer, sections=parts),))))
    assert len(set(page.values("id"))) == len(keys) + 1


def test_a_timeline_is_drawn_to_scale() -> None:
    document = document_of(planned_with({}))
    timeline = next(block for block in blocks_of(document) if isinstance(block, Timeline))
    page = Page(document_html(document))
    bars = [
        (tag, name, value) for tag, name, value in page.attributes if tag == "rect" and name in ("class", "x", "width")
    ]
    drawn = [
        (int(bars[at + 1][2]), int(bars[at + 2][2]))
        for at, (_, name, value) in enumerate(bars)
        if name == "class" and value in ("notice", "sleep", "answer", "exit")
    ]
    assert drawn == [
        (1000 * step.start // timeline.end, 1000 * step.end // timeline.end - 1000 * step.start // timeline.end)
        for step in timeline.steps
    ]


def test_a_lane_of_thousands_is_still_a_small_picture() -> None:
    drawing = squares(LaneDrawing(name="many", capacity="spot", at_rest=2, at_most=5000))
    assert drawing.count("<rect") == MOST_SQUARES
    assert drawing.count('class="spot"') == 2
