"""A rule's id is its name for good: in stack files that accept it, in CI logs, in `tritonup explain`."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from planning.findings import Rule, Severity

ROOT = Path(__file__).parents[3]
PACKAGES = ("planning", "stacks", "cli", "components", "local", "policies")


@dataclass(frozen=True, slots=True)
class Written:
    """A rule where the source makes it."""

    id: str
    severity: str
    title: str
    at: str


def rules() -> Iterator[Written]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == Rule.__name__:
                    identity, severity, title = node.args
                    at = f"{path.relative_to(ROOT)}:{node.lineno}"
                    assert isinstance(severity, ast.Attribute), at
                    yield Written(ast.literal_eval(identity), severity.attr, ast.literal_eval(title), at)


RULES = tuple(rules())


def test_no_two_rules_have_one_id() -> None:
    counted = Counter(rule.id for rule in RULES)
    assert not {id: [rule.at for rule in RULES if rule.id == id] for id, count in counted.items() if count > 1}


def test_no_two_rules_say_the_same() -> None:
    counted = Counter(rule.title for rule in RULES)
    assert not [title for title, count in counted.items() if count > 1]


def test_an_id_is_tu_and_three_digits_of_a_group() -> None:
    assert not [rule for rule in RULES if not re.fullmatch(r"TU[1-9][0-9]{2}", rule.id)]


def test_a_title_says_what_must_hold_as_a_short_sentence() -> None:
    for rule in RULES:
        assert rule.title[0].isupper(), rule.at
        assert not rule.title.endswith("."), rule.at
        assert len(rule.title) <= 90, rule.at


def test_a_severity_is_one_that_findings_know() -> None:
    assert {rule.severity for rule in RULES} <= set(Severity.__members__)


def test_the_rules_are_found_at_all() -> None:
    """The tests above hold for none."""
    assert {"TU101", "TU201", "TU314", "TU601", "TU901"} <= {rule.id for rule in RULES}
