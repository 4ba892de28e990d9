"""A warning is accepted by its id, with a reason, and at one place or wherever; an error never is."""

from __future__ import annotations

from typing import Any

from tests.unit.planning.world import Raw, edited, ids, planned_with

REASON = "known, and lived with"
ALONE: Raw = {"servers.vision.replicas": {"floor": 1, "ceiling": 2}}
"""TU321 at servers.vision.replicas.floor."""
HERE = "servers.vision.replicas.floor"


def entry(rule: str, at: str | None = None) -> Raw:
    return {"rule": rule, "reason": REASON} | ({"at": at} if at else {})


def accepted(changes: Raw, *entries: Raw) -> tuple[list[str], list[tuple[str, str]]]:
    """What is left, and what was accepted at which place."""
    made = planned_with({**changes, "accept": list(entries)})
    assert all(each.reason == REASON for each in made.accepted)
    return ids(made.findings), [(each.finding.rule.id, each.finding.at.field) for each in made.accepted]


def test_a_warning_is_accepted_by_its_id() -> None:
    assert accepted(ALONE) == (["TU321"], [])
    assert accepted(ALONE, entry("TU321")) == ([], [("TU321", HERE)])


def test_a_warning_is_accepted_at_its_place() -> None:
    assert accepted(ALONE, entry("TU321", HERE)) == ([], [("TU321", HERE)])


def test_a_warning_at_another_place_stays_and_the_entry_is_said_to_be_idle() -> None:
    assert accepted(ALONE, entry("TU321", "servers.text.replicas.floor")) == (["TU321", "TU121"], [])


def test_an_entry_at_a_place_leaves_the_same_warning_elsewhere() -> None:
    vision: Any = edited(ALONE)["servers"]["vision"]
    two = {"servers": {"vision": vision, "text": vision}}
    assert accepted(two, entry("TU321", HERE)) == (["TU321"], [("TU321", HERE)])
    assert accepted(two, entry("TU321")) == ([], [("TU321", HERE), ("TU321", "servers.text.replicas.floor")])


def test_an_error_cannot_be_accepted_and_the_attempt_is_said() -> None:
    wrong = {"servers.vision.replicas.ceiling": 1}
    left, taken = accepted(wrong, entry("TU110"))
    assert (left, taken) == (["TU110", "TU121"], [])
    made = planned_with({**wrong, "accept": [entry("TU110")]})
    assert "cannot be accepted" in made.warnings[0].what


def test_an_entry_that_accepts_nothing_is_a_finding_at_its_own_place() -> None:
    made = planned_with({**ALONE, "accept": [entry("TU321"), entry("TU706")]})
    assert [(finding.rule.id, finding.at.field) for finding in made.findings] == [("TU121", "accept[1].rule")]


def test_an_entry_that_another_has_made_idle_is_said_to_be_so() -> None:
    made = planned_with({**ALONE, "accept": [entry("TU321"), entry("TU321", HERE)]})
    assert [(finding.rule.id, finding.at.field) for finding in made.findings] == [("TU121", "accept[1].rule")]
    assert "an entry before" in made.findings[0].what


def test_an_error_does_not_make_acceptances_look_idle() -> None:
    """A server that cannot be planned is warned of nothing: mending the error brings the warnings back."""
    assert accepted({**ALONE, "servers.vision.models": ["digts"]}, entry("TU321")) == (["TU240"], [])
