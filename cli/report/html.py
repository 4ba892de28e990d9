"""The report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.

Its content security policy forbids all of these, so that even a name with markup in it that slipped through could
do nothing. Every text passes `_text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from importlib.resources import files

from cli.report.document import (
    Acceptances,
    Block,
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
from cli.report.drawings import limit_mark, squares, step_bar
from cli.report.printable import printable
from cli.report.values import Value, counted_span
from planning.findings import Finding

STYLE_FILE = "report.css"

VERDICTS = {"error": "has errors", "warning": "has warnings", "clean": "no open findings"}

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

STEP_KINDS = ("notice", "sleep", "answer", "exit")
"""Colours of a timeline's last steps: how many come before differs."""


def document_html(document: Document) -> str:
    return "\n".join((*_page(document), ""))


def _page(document: Document) -> Iterator[str]:
    title = _text(document.title)
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{title}</title>"
    yield f"<style>\n{_style()}</style>"
    yield "</head>"
    yield "<body>"
    yield "<header>"
    verdict = VERDICTS[document.verdict]
    yield f'<h1>{title}</h1><p class="verdict {document.verdict}">{verdict}</p>'
    yield "</header>"
    yield '<nav aria-label="Contents">'
    yield from _contents(document.sections, "")
    yield "</nav>"
    yield "<main>"
    for section in document.sections:
        yield from _section(section, "", 2)
    yield "</main>"
    yield f"<footer>Written by <code>tritonup plan --stack {_text(document.stack)} --html</code></footer>"
    yield "</body>"
    yield "</html>"


@cache
def _style() -> str:
    return files("cli.report").joinpath(STYLE_FILE).read_text(encoding="utf-8")


def _contents(sections: Sequence[Section], above: str) -> Iterator[str]:
    yield "<ol>"
    for section in sections:
        anchor = _anchor(above, section)
        yield f'<li><a href="#{anchor}">{_text(section.title)}</a>'
        if section.sections:
            yield from _contents(section.sections, f"{anchor}.")
        yield "</li>"
    yield "</ol>"


def _anchor(above: str, section: Section) -> str:
    """Unique as long as keys are, which differ in more than what no link can hold."""
    return above + re.sub(r"[^A-Za-z0-9_-]", lambda found: f"~{ord(found[0]):x}", section.key)


def _section(section: Section, above: str, level: int) -> Iterator[str]:
    anchor = _anchor(above, section)
    yield f'<section id="{anchor}" class="level{level}">'
    yield f"<h{level}>{_text(section.title)}</h{level}>"
    for block in section.blocks:
        yield from _block(block)
    for child in section.sections:
        yield from _section(child, f"{anchor}.", level + 1)
    yield "</section>"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text=text):
            yield f"<p>{_text(text)}</p>"
        case Facts(look="headline", facts=facts):
            yield from _tiles(facts)
        case Facts(look="list", facts=facts):
            yield from _list(facts)
        case Facts(facts=facts):
            yield from _facts(facts)
        case Table():
            yield from _table(block)
        case Timeline():
            yield from _timeline(block)
        case LanesDrawing():
            yield from _lanes(block)
        case Findings(title=title, findings=findings):
            yield from _findings(title, [(finding, None) for finding in findings])
        case Acceptances(title=title, accepted=accepted):
            yield from _findings(title, [(known.finding, known.reason) for known in accepted])


def _tiles(facts: Sequence[Fact]) -> Iterator[str]:
    yield '<dl class="tiles">'
    for fact in facts:
        because = f"<small>{_text(fact.because)}</small>"
        yield f"<div><dt>{_text(fact.label)}</dt><dd>{_value(fact.value)}{because}</dd></div>"
    yield "</dl>"


def _list(facts: Sequence[Fact]) -> Iterator[str]:
    yield '<ul class="long">'
    for fact in facts:
        label = f"<span>{_text(fact.label)}</span> " if fact.label else ""
        yield f"<li>{label}{_value(fact.value)}<small>{_text(fact.because)}</small></li>"
    yield "</ul>"


def _facts(facts: Sequence[Fact]) -> Iterator[str]:
    yield '<table class="facts"><thead><tr><th>What</th><th>Value</th><th>Because</th></tr></thead><tbody>'
    for fact in facts:
        yield (
            f'<tr><th scope="row">{_text(fact.label)}</th><td>{_value(fact.value)}</td>'
            f"<td>{_text(fact.because)}</td></tr>"
        )
    yield "</tbody></table>"


def _table(table: Table) -> Iterator[str]:
    if not table.rows:
        return
    heads = "".join(f"<th>{_text(column.title)}</th>" for column in table.columns)
    yield f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>'
    opened = ["<td class=because>" if column.key == "because" else "<td>" for column in table.columns]
    for first, *rest in table.rows:
        cells = "".join(f"{tag}{_value(value)}</td>" for tag, value in zip(opened[1:], rest, strict=True))
        yield f'<tr><th scope="row">{_value(first)}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _timeline(timeline: Timeline) -> Iterator[str]:
    kinds = STEP_KINDS[len(STEP_KINDS) - len(timeline.steps) :]
    yield f'<figure class="timeline"><figcaption>Seconds from {_text(timeline.origin)}</figcaption>'
    for step, kind in zip(timeline.steps, kinds, strict=True):
        when = f"{step.start} to {step.end} s"
        yield f"<div><span>{_text(step.what)}</span>{step_bar(step, timeline.end, kind)}<span>{when}</span></div>"
    for limit in timeline.limits:
        yield (f"<div><span>{_text(limit.what)}</span>{limit_mark(limit, timeline.end)}<span>{limit.at} s</span></div>")
    yield "</figure>"


def _lanes(drawing: LanesDrawing) -> Iterator[str]:
    yield '<figure class="lanes"><figcaption>Pods: filled always run, outlined may be added</figcaption>'
    for lane in drawing.lanes:
        pods = counted_span(lane.at_rest, lane.at_most, "pod")
        name = f"{_text(lane.name)} <small>{_text(lane.capacity)}</small>"
        yield f"<div><span>{name}</span>{squares(lane)}<span>{pods}</span></div>"
    yield "</figure>"


def _findings(title: str, findings: Sequence[tuple[Finding, str | None]]) -> Iterator[str]:
    yield f"<h3>{_text(title)}: {len(findings) or 'none'}</h3>"
    for finding, reason in findings:
        kind = "accepted" if reason is not None else finding.severity.value
        yield f'<article class="finding {kind}">'
        yield f"<p><strong>{_text(finding.rule.id)}</strong> {_text(finding.rule.title)}</p>"
        yield f"<p><code>{_text(str(finding.at))}</code></p>"
        yield f"<p>{_text(finding.what)}</p><p>{_text(finding.fix)}</p>"
        if reason is not None:
            because = _text(reason.rstrip(". "))
            yield f"<p>Accepted because: {because}.</p>"
        yield "</article>"


def _value(value: Value) -> str:
    if value.code:
        return f"<code>{_text(value.text)}</code>"
    return f'<span class="unit">{_text(value.text)}</span>' if value.unit else _text(value.text)


def _text(text: str) -> str:
    return escape(printable(text), quote=True)
