"""The pages of the rules hold what the code says, and their examples are refused before and accepted after."""

from __future__ import annotations

import re
from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from doc_pages import ROOT, RULE_PAGES, declared_rules, fences

from planning.catalogue import CATALOGUE
from planning.images import image_lock
from planning.planner import plan
from planning.repository.model import Repository
from planning.repository.reader import read_repository
from planning.settings.reading import read_settings
from planning.settings.root import Settings
from stacks.stackfile import StackFile, read_stack_file

SECTIONS = ("## What it means", "## Why it matters", "## Fix")

STACK = "Pulumi.dev.yaml"
"""The stack file that an example changes, where it does not name another one after `# before`."""

WITHOUT_STACK_FILE = {
    "TU106": "is about a file that is not there",
    "TU701": "changes with the image lock",
    "TU705": "changes with the image lock",
    "TU708": "is about pods whose image you push first",
    "TU955": "is about a file of the model repository",
    "TU956": "is about files of the model repository",
}
"""Rules about settings whose example is not a piece of a stack file."""


def about_settings(rule: str) -> bool:
    """The second hundred is about model repositories, but for engines, which a server's settings ask for."""
    return not rule.startswith("TU2") or rule in {"TU291", "TU292", "TU295"}


@dataclass(frozen=True, slots=True)
class Example:
    rule: str
    stack: str
    before: str
    after: str


def examples() -> list[Example]:
    found: list[Example] = []
    for path in sorted(RULE_PAGES.glob("TU*.md")):
        for block in fences(path.read_text(encoding="utf-8"), "yaml"):
            parts = re.fullmatch(r"# before(?: \((.*)\))?\n(.*)^# after[^\n]*\n(.*)", block, re.DOTALL | re.MULTILINE)
            if parts and about_settings(path.stem) and path.stem not in WITHOUT_STACK_FILE:
                found.append(Example(path.stem, parts[1] or STACK, parts[2], parts[3]))
    return found


@cache
def _repository() -> Repository:
    return read_repository(ROOT / "model_repository")[0]


def _merged(base: Any, change: Any) -> Any:
    """`base` with the fields of `change`. A block of another kind is replaced whole."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    if "kind" in change and change["kind"] != base.get("kind", change["kind"]):
        return change
    return {**base, **{key: _merged(base.get(key), value) for key, value in change.items()}}


def _rules_of_settings(stack: str, change: str) -> set[str]:
    file = yaml.safe_load((ROOT / stack).read_text(encoding="utf-8"))
    wanted = _merged(deepcopy(file["config"]["tritonup:settings"]), yaml.safe_load(change))
    settings = read_settings(wanted)
    if not isinstance(settings, Settings):
        return {finding.rule.id for finding in settings}
    planned = plan(settings, _repository(), CATALOGUE, image_lock())
    accepted = [known.finding for known in planned.accepted]
    return {finding.rule.id for finding in (*planned.findings, *accepted)}


def _rules_of_file(text: str, folder: Path) -> set[str]:
    (folder / "Pulumi.example.yaml").write_text(text, encoding="utf-8")
    read = read_stack_file(folder, "example")
    return set() if isinstance(read, StackFile) else {finding.rule.id for finding in read}


def test_no_two_rules_share_an_id() -> None:
    by_id: dict[str, set[str]] = defaultdict(set)
    for rule in declared_rules():
        by_id[rule.id].add(f"{rule.file.relative_to(ROOT)}: {rule.title}")
    assert {rule: sorted(where) for rule, where in by_id.items() if len(where) > 1} == {}


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    declared = {rule.id for rule in declared_rules()}
    assert declared
    assert {path.stem for path in RULE_PAGES.glob("*.md")} == declared


@pytest.mark.parametrize("rule", declared_rules(), ids=lambda rule: rule.id)
def test_a_page_begins_with_its_rule_and_has_the_three_sections_in_order(rule: Any) -> None:
    text = (RULE_PAGES / f"{rule.id}.md").read_text(encoding="utf-8")
    assert text.partition("\n")[0] == f"# {rule.id}: {rule.title}"
    assert tuple(re.findall(r"^## .+$", text, re.MULTILINE)) == SECTIONS


def test_every_rule_about_settings_shows_an_example_that_is_checked() -> None:
    """A page without one would only be held to its title."""
    expected = {rule.id for rule in declared_rules() if about_settings(rule.id) and not _mended_in_a_config(rule.id)}
    assert expected - set(WITHOUT_STACK_FILE) == {example.rule for example in examples()}


def _mended_in_a_config(rule: str) -> bool:
    """Some promises of a stack file are kept by changing a model."""
    return "`config.pbtxt`" in (RULE_PAGES / f"{rule}.md").read_text(encoding="utf-8").partition("## Fix")[2]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.rule)
def test_an_example_breaks_its_rule_before_and_keeps_it_after(example: Example, tmp_path: Path) -> None:
    def rules(text: str) -> set[str]:
        if text.startswith("config:"):
            return _rules_of_file(text, tmp_path)
        return _rules_of_settings(example.stack, text)

    assert example.rule in rules(example.before)
    if example.stack == "Pulumi.local.yaml" and "accept:" in example.after:
        return  # an accepted warning is still there; that it is accepted is tested with the settings
    assert example.rule not in rules(example.after)
