"""What every plan has, whatever was asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import cast

from planning.catalogue import CATALOGUE
from planning.derived import Derived
from planning.findings import Severity
from planning.plan import Plan
from planning.planner import plan
from planning.settings.root import Settings
from tests.unit.planning.drawn_stacks import for_every_healthy_stack, for_every_stack, plain, pod_fits_everywhere
from tests.unit.planning.world import STACK, Raw, image_lock, planned, repository, settings_of


def derived(value: object) -> Iterator[Derived[object]]:
    """Every derived number inside of `value`."""
    if isinstance(value, Derived):
        yield cast("Derived[object]", value)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from derived(getattr(value, field.name))
    elif isinstance(value, tuple):
        for inner in cast("tuple[object, ...]", value):
            yield from derived(inner)


@for_every_stack
def test_the_same_arguments_give_the_same_plan_and_are_left_alone(raw: Raw) -> None:
    settings = settings_of(raw)
    before = settings.model_dump()
    first = plan(settings, repository(), CATALOGUE, image_lock())
    assert settings.model_dump() == before
    assert plan(settings_of(plain(raw)), repository(), CATALOGUE, image_lock()) == first


@for_every_stack
def test_a_plan_without_errors_has_every_server(raw: Raw) -> None:
    made = planned(raw)
    if not made.errors:
        assert [server.name for server in made.servers] == list(raw["servers"])
        assert [pool.name for pool in made.pools] == list(raw["gpu_pools"])
        assert all(server.lanes for server in made.servers)


@for_every_healthy_stack
def test_a_stack_that_fits_by_construction_plans_without_errors(raw: Raw) -> None:
    assert not planned(raw).errors


def test_what_fits_by_construction_fits_the_smallest_machine_that_is_known() -> None:
    assert pod_fits_everywhere()


@for_every_stack
def test_every_finding_says_where_what_and_how_to_mend_it(raw: Raw) -> None:
    made = planned(raw)
    for finding in (*made.findings, *(accepted.finding for accepted in made.accepted)):
        assert finding.at.field.partition(".")[0].partition("[")[0] in Settings.model_fields, finding
        assert finding.what.endswith("."), finding
        assert finding.fix.endswith("."), finding
        assert finding.fix[0].isupper(), finding
        assert "None" not in str(finding), finding
    assert len(set(made.findings)) == len(made.findings)


@for_every_stack
def test_every_planned_number_has_its_reason(raw: Raw) -> None:
    for number in derived(planned(raw).servers):
        assert number.because.strip(), number
        assert not number.because.endswith("."), number  # it completes a sentence


@for_every_stack
def test_names_of_kubernetes_objects_are_distinct_and_short_enough(raw: Raw) -> None:
    made = planned(raw)
    deployments = [lane.lane.deployment for server in made.servers for lane in server.lanes]
    assert len(set(deployments)) == len(deployments)
    assert all(len(name) <= 63 for name in (*deployments, made.priority_class))


def test_errors_and_warnings_are_all_findings() -> None:
    made: Plan = planned({**STACK, "accept": [{"rule": "TU999", "reason": "there is no such rule"}]})
    assert {finding.severity for finding in made.warnings} == {Severity.WARNING}
    assert (*made.errors, *made.warnings) == made.findings


def test_the_plan_holds_the_settings_that_it_was_made_from() -> None:
    settings = settings_of(STACK)
    made = plan(settings, repository(), CATALOGUE, image_lock())
    assert made.settings is settings
    assert isinstance(made.labels, Mapping)
