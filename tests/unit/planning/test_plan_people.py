"""People get what their role says, and nobody gets what would make roles meaningless."""

from __future__ import annotations

import pytest

from planning.people import PlannedRole
from planning.quota import GPU, PODS
from planning.settings.reading import read_settings
from planning.settings.root import Settings
from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import Raw, edited, planned, planned_with

GROUPS = {"viewers": ["a@example.com"], "ml_engineers": ["b@example.com", "c"], "operators": ["d"]}


def roles() -> dict[str, PlannedRole]:
    return {role.name: role for role in planned_with({"security.people": GROUPS}).people}


def granted(role: PlannedRole) -> set[tuple[str, str, str]]:
    return {
        (grant.api, resource, verb)
        for grant in role.grants.value
        for resource in grant.resources
        for verb in grant.verbs
    }


def test_there_is_no_role_without_a_group() -> None:
    assert planned_with({}).people == ()
    assert [role.name for role in planned_with({"security.people": {"operators": ["d"]}}).people] == ["operator"]


def test_each_role_can_do_what_the_lesser_can() -> None:
    viewer, engineer, operator = (granted(roles()[name]) for name in ("viewer", "ml-engineer", "operator"))
    assert viewer < engineer < operator


def test_who_sees_a_server_sees_what_its_pods_wait_for() -> None:
    seen = granted(roles()["viewer"])
    assert {("batch", "jobs", "list"), ("", "persistentvolumeclaims", "list")} <= seen


def test_no_role_reads_secrets_gets_into_pods_or_gives_rights() -> None:
    into = {"pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers", "pods/proxy", "services/proxy"}
    for role in roles().values():
        for api, resource, verb in granted(role):
            assert resource not in {"secrets", "serviceaccounts/token", *into}
            assert api != "rbac.authorization.k8s.io"
            assert "*" not in (api, resource, verb)


@pytest.mark.parametrize("group", ["system:masters", "system:authenticated", "two words", "*", ""])
def test_a_group_that_is_not_of_people_is_refused(group: str) -> None:
    read = read_settings(edited({"security.people": {"operators": [group]}}))
    assert not isinstance(read, Settings)
    assert [finding.at.field for finding in read] == ["security.people.operators[0]"]


@for_every_stack
def test_the_quota_never_holds_back_what_is_planned(raw: Raw) -> None:
    made = planned(raw)
    most = made.quota.most
    lanes = [(lane, server) for server in made.servers for lane in server.lanes]
    pods = sum(lane.lane.maximum.value + lane.rollout.max_surge.value for lane, _ in lanes)
    gpus = sum((lane.lane.maximum.value + lane.rollout.max_surge.value) * server.gpus for lane, server in lanes)
    assert most[GPU].value >= 2 * gpus
    assert most[PODS].value > 2 * pods
