"""No request is lost when a pod leaves, or the stack is refused."""

from __future__ import annotations

import re

from hypothesis import assume, given
from hypothesis import strategies as st

from planning.draining import DETECTION_LAG_S, HURRIED, KILL_MARGIN_S, UNHURRIED, Drain, check_pace, plan_drain
from planning.findings import Finding
from planning.pools import Pool
from planning.proxy import plan_proxy
from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import Raw, ids, planned, planned_with, vision

seconds = st.integers(1, 600)


def pools_with(notices: list[int]) -> tuple[Pool, ...]:
    """Spot pools of an existing cluster whose nodes warn so long before."""
    names = [f"spot-{index}" for index in range(len(notices))]
    facts = zip(names, notices, strict=True)
    made = planned_with(
        {
            "cluster.pools": {name: {"labels": {"pool": name}, "notice": f"{notice}s"} for name, notice in facts},
            "gpu_pools": {name: {"gpu": "nvidia-l4", "capacity": "spot", "nodes": {"max": 9}} for name in names},
        }
    )
    return made.pools


@for_every_stack
def test_a_pod_has_left_before_any_node_that_it_may_be_on_is_reclaimed(raw: Raw) -> None:
    for server in planned(raw).servers:
        drain = server.drain
        assert drain.pre_stop.value + drain.exit_timeout.value < drain.grace.value
        for lane in server.lanes:
            for pool in lane.lane.pools:
                assert (pool.notice is not None) == (pool.capacity == "spot")
                assert pool.notice is None or DETECTION_LAG_S + drain.grace.value <= pool.notice.seconds


@given(slowest=seconds, notices=st.lists(seconds, max_size=3))
def test_what_silent_clients_ask_of_a_leaving_pod_has_its_time_as_far_as_the_notice_goes(
    slowest: int, notices: list[int]
) -> None:
    drain = plan_drain("vision", slowest, pools_with(notices))
    assume(isinstance(drain, Drain))
    assert isinstance(drain, Drain)
    proxy = plan_proxy(
        server="vision",
        connection_age_s=drain.connection_age.value,
        pre_stop_s=drain.pre_stop.value,
        slowest_request_s=slowest,
    )
    wanted = proxy.quit_after.value + proxy.answer.value + KILL_MARGIN_S
    assert drain.grace.value == min([wanted, *(notice - DETECTION_LAG_S for notice in notices)])


@for_every_stack
def test_connections_have_moved_before_the_server_is_told_to_stop(raw: Raw) -> None:
    for server in planned(raw).servers:
        assert 0 < server.drain.connection_age.value < server.drain.pre_stop.value


@given(slowest=seconds, notices=st.lists(seconds, max_size=3))
def test_the_slowest_request_is_given_all_of_its_time_or_refused(slowest: int, notices: list[int]) -> None:
    match plan_drain("vision", slowest, pools_with(notices)):
        case Drain(exit_timeout=given):
            assert given.value == slowest
        case Finding(what=what):
            hurried = DETECTION_LAG_S + HURRIED.pre_stop_s + slowest + KILL_MARGIN_S
            assert hurried > min(notices)
            more = UNHURRIED.pre_stop_s - HURRIED.pre_stop_s
            leaving = hurried + (more if hurried - slowest + more < min(notices) else 0)
            assert f"its nodes give {min(notices)} s" in what
            assert f"leaving takes {leaving} s" in what


@given(slowest=seconds, notice=seconds)
def test_the_longest_request_that_a_refusal_offers_is_accepted_unhurried_where_it_can_be(
    slowest: int, notice: int
) -> None:
    pools = pools_with([notice])
    refused = plan_drain("vision", slowest, pools)
    assume(isinstance(refused, Finding))
    assert isinstance(refused, Finding)
    offered = re.match(r"Allow at most (\d+) s", refused.fix)
    longest = int(offered[1]) if offered else 0
    if longest == 0:
        assert isinstance(plan_drain("vision", 1, pools), Finding)
        return
    accepted, more = plan_drain("vision", longest, pools), plan_drain("vision", longest + 1, pools)
    assert isinstance(accepted, Drain)
    # A second more is hurried, or too long.
    assert isinstance(more, Finding) if accepted.pace == HURRIED else more.pace == HURRIED


@given(slowest=seconds, notices=st.lists(seconds, min_size=1, max_size=3))
def test_the_pool_of_the_shortest_notice_decides_for_all(slowest: int, notices: list[int]) -> None:
    together = plan_drain("vision", slowest, pools_with(notices))
    apart = [plan_drain("vision", slowest, [pool]) for pool in pools_with(notices)]
    assert isinstance(together, Drain) == all(isinstance(each, Drain) for each in apart)


@given(slowest=seconds, notices=st.lists(seconds, min_size=1, max_size=3))
def test_clients_get_all_the_time_that_the_notice_has_and_are_hurried_only_where_it_has_not(
    slowest: int, notices: list[int]
) -> None:
    pools = pools_with(notices)
    drain = plan_drain("vision", slowest, pools)
    assume(isinstance(drain, Drain))
    assert isinstance(drain, Drain)
    fits = DETECTION_LAG_S + UNHURRIED.pre_stop_s + slowest + KILL_MARGIN_S <= min(notices)
    assert drain.pace == (UNHURRIED if fits else HURRIED)
    assert bool(check_pace("vision", drain, pools)) != fits


def test_the_least_that_gke_gives_holds_requests_of_three_seconds() -> None:
    """5 + (6 + 3 + 1) = 15."""
    assert isinstance(plan_drain("vision", 3, pools_with([15])), Drain)
    assert isinstance(plan_drain("vision", 4, pools_with([15])), Finding)


def test_pools_that_are_never_reclaimed_set_no_bound() -> None:
    made = planned_with({"servers.vision.gpu.pools": ["steady"], "servers.vision.drain.slowest_request": "1h"})
    assert ids(made.findings) == []
    assert vision(made).drain.exit_timeout.value == 3600


def test_a_notice_in_fractions_of_a_second_is_not_rounded_up() -> None:
    """29.9 s hold as much as 29 s: 5 + (6 + 17 + 1) = 29 fits, 18 would not."""
    for slowest, fits in (("17s", True), ("18s", False)):
        made = planned_with({"cluster.pools.cheap.notice": "29900ms", "servers.vision.drain.slowest_request": slowest})
        assert ("TU601" not in ids(made.findings)) == fits


def test_a_request_in_fractions_of_a_second_is_not_cut() -> None:
    made = planned_with({"servers.vision.drain.slowest_request": "2500ms"})
    assert vision(made).drain.exit_timeout.value == 3


def test_a_spot_pool_of_an_existing_cluster_says_how_long_it_warns() -> None:
    """Without a notice nothing could be fitted into it, and nothing would be refused."""
    made = planned_with({"cluster.pools.cheap": {"labels": {"pool": "cheap"}}})
    assert [(finding.rule.id, finding.at.field) for finding in made.errors] == [("TU301", "cluster.pools.cheap.notice")]
