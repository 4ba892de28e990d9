"""The report as data, which other programs read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given

from cli.report.data import document_data
from cli.report.document import Document, Fact, Facts, Section
from cli.report.values import count, seconds
from tests.unit.planning.drawn_stacks import stacks
from tests.unit.planning.world import FETCHED, GKE, Raw, planned, planned_with
from tests.unit.report.reports import document_of, facts_of

KEYS = Path(__file__).with_name("keys.txt")


@given(stacks())
def test_every_plan_is_json(raw: Raw) -> None:
    data = document_data(document_of(planned(raw)))
    assert json.loads(json.dumps(data, allow_nan=False)) == data


@given(stacks())
def test_every_fact_is_in_the_data_with_its_reason(raw: Raw) -> None:
    document = document_of(planned(raw))
    found = list(_facts(document_data(document)))
    expected = [fact for fact in facts_of(document) for _ in fact.lanes or ("",)]
    assert len(found) == len(expected)
    for fact in expected:
        assert {"value": fact.value.data, "because": fact.because} in found


def test_keys_are_the_ones_that_other_programs_read() -> None:
    """A key that is taken out or renamed breaks them: change `keys.txt` knowingly."""
    changes = {
        "cluster": GKE,
        "servers.vision.models": ["sentences", "digits_trt"],
        "controllers.prometheus_operator": "install",
        "controllers.prometheus_adapter": "install",
        **FETCHED,
    }
    found = sorted(set(_paths(document_data(document_of(planned_with(changes))), "")))
    assert "\n".join(found) == KEYS.read_text(encoding="utf-8").rstrip("\n")


def test_durations_and_sizes_have_their_unit_in_the_key() -> None:
    paths = set(_paths(document_data(document_of(planned_with({}))), ""))
    for end in (".grace_seconds", ".share_bytes", ".cpu_millicores", ".lanes.spot.grows_by_percent"):
        assert any(path.endswith(end) for path in paths), end


def test_a_key_that_two_facts_claim_is_refused() -> None:
    facts = (Fact("wait", "a", seconds(1), "x"), Fact("wait", "b", seconds(2), "y"))
    with pytest.raises(ValueError, match="wait_seconds"):
        document_data(_only(*facts))
    assert document_data(_only(facts[0], Fact("wait", "b", count(2), "y")))


def _only(*facts: Fact) -> Document:
    part = Section(key="part", title="Part", blocks=(Facts(facts=facts),))
    return Document(stack="prod", title="Plan", verdict="clean", sections=(part,))


def _facts(data: object) -> Iterator[object]:
    if isinstance(data, dict):
        if set(data) == {"value", "because"}:
            yield data
        else:
            for inner in data.values():
                yield from _facts(inner)


def _paths(data: object, above: str) -> Iterator[str]:
    """Where the leaves are; `[]` for any member of a list."""
    if isinstance(data, dict) and set(data) != {"value", "because"}:
        for key, inner in data.items():
            yield from _paths(inner, f"{above}.{key}")
    elif isinstance(data, list) and data:
        for inner in data:
            yield from _paths(inner, f"{above}[]")
    else:
        yield above
