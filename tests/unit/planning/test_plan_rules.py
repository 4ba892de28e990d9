"""Every rule of planning is broken once, alone, at an exact place, and mended as its own words say.

The rules of a stack file's form (TU101 to TU109) and of the model repository (TU2xx below TU290) have tests of
their own.
"""

from __future__ import annotations

import pytest

from planning.findings import Finding
from planning.plan import Plan
from tests.unit.planning import eks_examples, gke_examples, placement_examples, serving_examples
from tests.unit.planning.rule_examples import Example
from tests.unit.planning.test_rule_ids import RULES
from tests.unit.planning.world import Raw, heavier, ids, planned_with, repository

EXAMPLES = (*placement_examples.EXAMPLES, *serving_examples.EXAMPLES, *gke_examples.EXAMPLES, *eks_examples.EXAMPLES)

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


def plan_of(example: Example, more: Raw | None = None) -> Plan:
    models = heavier("digits", example.weights) if example.weights else repository()
    return planned_with({**example.breaks, **(more or {})}, models)


def found(example: Example, more: Raw | None = None) -> list[Finding]:
    return [
        finding
        for finding in plan_of(example, more).findings
        if (finding.rule.id, finding.at.field) == (example.rule, example.at)
    ]


@every_example
def test_it_is_said_once_at_its_exact_place_with_the_value_in_it(example: Example) -> None:
    (finding,) = found(example)
    assert finding.at.file == ""
    assert all(word in f"{finding.what} {finding.fix}" for word in example.words), finding


@every_example
def test_nothing_else_is_said(example: Example) -> None:
    assert sorted(ids(plan_of(example).findings)) == sorted((example.rule, *example.beside))


@every_example
def test_following_its_fix_makes_it_go_away(example: Example) -> None:
    (finding,) = found(example)
    assert not found(example, example.remedy(finding))


def test_the_stack_that_the_examples_change_has_no_finding() -> None:
    assert planned_with({}).findings == ()


def test_every_rule_of_planning_has_an_example() -> None:
    theirs = ("planning/repository/", "planning/settings/")
    ours = {rule.id for rule in RULES if rule.at.startswith("planning/") and not rule.at.startswith(theirs)}
    assert ours == {example.rule for example in EXAMPLES}
