"""Pages lead to pages and headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_pages import ROOT, headings, pages, without_code

from stacks.settings_reference import slug


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures, but for those on the web."""
    targets = re.findall(r"\]\(([^()\s]+)\)", without_code(page.read_text(encoding="utf-8")))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """Of every heading; where a title occurs again, code hosts add a number."""
    found: set[str] = set()
    for heading in headings(page.read_text(encoding="utf-8")):
        anchor, number = slug(heading), 0
        while (numbered := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(numbered)
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_resolves(page: Path) -> None:
    broken: list[str] = []
    for target in links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            found = [(page.parent / target.partition("#")[0]).resolve() for target in links(page)]
            ahead += [path for path in found if path.suffix == ".md" and path.exists()]
    rules = ROOT / "docs" / "rules"  # `tritonup explain` lists them
    ours = {page for page in pages() if (ROOT / "docs") in page.parents and page.parent != rules}
    assert ours - reached == set()
