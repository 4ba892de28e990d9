"""YAML on the pages is what it says: parts of rendered objects, parts of the stack files that ship."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from doc_pages import ROOT, fences, holds

from planning.prometheus_adapter import RULES
from stacks.planned import planned
from stacks.render import rendered
from stacks.stackfile import StackFile, read_stack_file

PAGES = sorted((ROOT / "docs" / "components").glob("*.md"))


@dataclass(frozen=True, slots=True)
class Excerpt:
    page: Path
    kind: str
    name: str
    stack: str
    body: Any

    def __str__(self) -> str:
        return f"{self.page.stem}-{self.kind}-{self.name}"


def excerpts() -> list[Excerpt]:
    """Blocks that begin with `# Kind/name` or `# Kind/name, stack prod`; the stack is dev otherwise."""
    found: list[Excerpt] = []
    for page in PAGES:
        for block in fences(page.read_text(encoding="utf-8"), "yaml"):
            title = re.match(r"# (\w+)/([-\w]+)(?:, stack (\w+))?\n", block)
            assert title, f"{page.name}: a YAML block does not say which object it is of:\n{block}"
            found.append(Excerpt(page, title[1], title[2], title[3] or "dev", yaml.safe_load(block)))
    return found


@cache
def _objects(stack: str) -> dict[tuple[str, str], Any]:
    file = read_stack_file(ROOT, stack)
    assert isinstance(file, StackFile), file
    objects = {(one.kind, one.name): one.body for one in rendered(planned(file.settings, ROOT), stack)}
    cloud = ROOT / "tests" / "stacks" / "snapshots" / f"{stack}.cloud.yaml"
    if cloud.exists():  # what the stack makes of a cloud; a test of its own holds the file to the program
        for title, inputs in yaml.safe_load(cloud.read_text(encoding="utf-8")).items():
            kind, name = title.split(" ")
            objects[kind, name] = inputs
    return objects


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_component_page_shows_what_is_rendered(page: Path) -> None:
    assert [excerpt for excerpt in excerpts() if excerpt.page == page]


@pytest.mark.parametrize("excerpt", excerpts(), ids=str)
def test_an_excerpt_is_part_of_the_rendered_object(excerpt: Excerpt) -> None:
    whole = _objects(excerpt.stack)[excerpt.kind, excerpt.name]
    assert holds(whole, excerpt.body), yaml.safe_dump(whole)


def test_the_adapters_rule_is_the_one_that_the_cluster_tests_scale_by() -> None:
    page = (ROOT / "docs" / "components" / "lane-scaler.md").read_text(encoding="utf-8")
    assert f"```\n{RULES}```" in page


@pytest.mark.parametrize("block", fences((ROOT / "README.md").read_text(encoding="utf-8"), "yaml"))
def test_the_readme_explains_the_production_stack_file_as_it_is(block: str) -> None:
    file = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8"))
    assert holds(file["config"]["tritonup:settings"], yaml.safe_load(block))
