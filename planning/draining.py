"""How a serving pod leaves: every timing follows from the notice that its node is given.

When a pod must go, Kubernetes removes its endpoint and starts preStop at the same moment, sends
SIGTERM when preStop ends, and SIGKILL when the grace period ends. Nothing is lost if

    endpoint lag + connection age + last ask + reconnect <= preStop,   preStop + slowest request <= grace
    detection lag + grace <= notice

for the shortest notice among the pools that the pod may run on. Pools that never reclaim give none.

Clients that were silent all the while are answered by other pods through this one's proxy (planning/proxy.py) until it
quits, nearly a slowest request after preStop. What it accepts then may take as long again: the grace period allows for
it as far as the notice does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.pools import Notice, Pool
from planning.proxy import QUIT_BEFORE_S

DETECTION_LAG_S = 5
"""Seconds between a cloud's notice and the pod's deletion: polling or queue delivery, then eviction."""

LAST_ASK_S = 1
"""The proxy ends a connection with the answer to the first request after its age: a client that asks every second has
that one up to a second later."""

RECONNECT_S = 1
"""For the last client to connect anew."""

KILL_MARGIN_S = 1
"""Seconds between Triton's own exit and SIGKILL, so that the server ends by itself."""

DOES_NOT_FIT = Rule("TU601", Severity.ERROR, "A pod has left before its node is reclaimed")
HURRIED_LEAVE = Rule("TU604", Severity.WARNING, "Clients that resolve names themselves notice that a pod leaves")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much time clients get to leave a pod, in whole seconds."""

    endpoint_lag_s: int
    """Until the last proxy or client has noticed the removed endpoint."""
    connection_age_s: int
    """The greatest age of an open connection, gRPC's and HTTP's. Measured (docs/draining.md): one that is renewed
    before the endpoint is removed lands on the leaving pod again and stays for a whole age, so an age just below
    preStop loses requests, and a short one loses none."""

    @property
    def pre_stop_s(self) -> int:
        return self.endpoint_lag_s + self.connection_age_s + LAST_ASK_S + RECONNECT_S


UNHURRIED = Pace(endpoint_lag_s=5, connection_age_s=2)
"""kube-proxy needs well under 1 s on a quiet cluster; the rest is for DNS caches of headless Services (CoreDNS keeps
an answer for 5 s)."""

HURRIED = Pace(endpoint_lag_s=3, connection_age_s=1)
"""Where the notice is too short for the other: enough for whoever comes through a Service's own address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """A server's leaving, in whole seconds: preStop sleep, Triton's --exit-timeout-secs, the pod's
    grace period, and the greatest age of a connection (so that clients have moved on)."""

    pace: Pace
    pre_stop: Derived[int]
    exit_timeout: Derived[int]
    grace: Derived[int]
    connection_age: Derived[int]


def plan_drain(server: str, slowest_request_s: int, pools: Sequence[Pool]) -> Drain | Finding:
    """Fit the drain of `server` into the shortest notice of `pools`, or say why it cannot be.

    `slowest_request_s` is the longest that an accepted request may take, queueing included.
    """
    tightest = _tightest(pools)
    for pace in (UNHURRIED, HURRIED):
        if tightest is None or DETECTION_LAG_S + _grace(pace, slowest_request_s) <= tightest[1].seconds:
            return _drain(pace, slowest_request_s, tightest)
    pool, notice = tightest
    return _does_not_fit(server, slowest_request_s, pool, notice)


def check_pace(server: str, drain: Drain, pools: Sequence[Pool]) -> tuple[Finding, ...]:
    """What it costs that a notice is short."""
    tightest = _tightest(pools)
    if drain.pace == UNHURRIED or tightest is None:
        return ()
    pool, notice = tightest
    slowest = drain.exit_timeout.value
    longest = slowest - (DETECTION_LAG_S + _grace(UNHURRIED, slowest) - notice.seconds)
    ways = [
        *([f"allow at most {longest} s"] if longest > 0 else []),
        *([f"give more notice with {notice.choice}"] if notice.choice else []),
        "accept this warning with a reason (callers through the Service's own address notice in time)",
    ]
    fix = f"{', '.join(ways[:-1])} or {ways[-1]}." if ways[1:] else f"{ways[0]}."
    return (
        Finding(
            rule=HURRIED_LEAVE,
            at=setting(f"servers.{server}.drain.slowest_request"),
            what=f"{slowest} s fits into the {notice.seconds} s of pool {pool.name!r} only for callers that notice a"
            f" removed endpoint within {HURRIED.endpoint_lag_s} s; clients of the headless Service may take"
            f" {UNHURRIED.endpoint_lag_s} s.",
            fix=fix[0].upper() + fix[1:],
        ),
    )


def _tightest(pools: Sequence[Pool]) -> tuple[Pool, Notice] | None:
    """The pool whose nodes warn latest; of several, the first by name."""
    reclaimed = [(pool, pool.notice) for pool in pools if pool.notice is not None]
    return min(reclaimed, key=lambda pair: (pair[1].seconds, pair[0].name), default=None)


def _grace(pace: Pace, slowest_request_s: int) -> int:
    return pace.pre_stop_s + slowest_request_s + KILL_MARGIN_S


def _drain(pace: Pace, slowest_request_s: int, tightest: tuple[Pool, Notice] | None) -> Drain:
    grace = _grace(pace, slowest_request_s)
    late = slowest_request_s - QUIT_BEFORE_S
    within = "no pool of it reclaims nodes"
    if tightest is not None:
        pool, notice = tightest
        late = min(late, notice.seconds - DETECTION_LAG_S - grace)
        within = f"{pool.name!r} gives {notice.seconds} s"
    return Drain(
        pace=pace,
        pre_stop=Derived(
            pace.pre_stop_s,
            f"the endpoint's removal may be noticed {pace.endpoint_lag_s} s late, a connection made until then lives"
            f" {pace.connection_age_s} s and until its next request, {LAST_ASK_S} s, and moving takes {RECONNECT_S} s",
        ),
        exit_timeout=Derived(slowest_request_s, "the slowest accepted request must be answered"),
        grace=Derived(
            grace + late,
            f"it is preStop, the exit timeout, {late} s for what silent clients ask meanwhile and {KILL_MARGIN_S} s to"
            f" exit in, and {within}",
        ),
        connection_age=Derived(
            pace.connection_age_s,
            "open connections must have moved before SIGTERM, those renewed in the last moment too",
        ),
    )


def _does_not_fit(server: str, slowest_request_s: int, pool: Pool, notice: Notice) -> Finding:
    # What is offered is unhurried where the notice has room for it.
    pace = UNHURRIED if DETECTION_LAG_S + _grace(UNHURRIED, 1) <= notice.seconds else HURRIED
    grace = _grace(pace, slowest_request_s)
    longest = slowest_request_s - (DETECTION_LAG_S + grace - notice.seconds)
    hurried = slowest_request_s - (DETECTION_LAG_S + _grace(HURRIED, slowest_request_s) - notice.seconds)
    at_most = f"{longest} s ({hurried} s with {HURRIED_LEAVE.id} accepted)" if pace == UNHURRIED else f"{longest} s"
    more = f"give more notice with {notice.choice}, or " if notice.choice else ""
    leave = f"{more}take {pool.name!r} off this server."
    return Finding(
        rule=DOES_NOT_FIT,
        at=setting(f"servers.{server}.drain.slowest_request"),
        what=f"{slowest_request_s} s cannot finish on pool {pool.name!r}: its nodes give {notice.seconds} s"
        f" ({notice.source}), leaving takes {DETECTION_LAG_S + grace} s (noticing {DETECTION_LAG_S} s, grace"
        f" period {grace} s).",
        fix=f"Allow at most {at_most}, {'' if more else 'or '}{leave}" if longest > 0 else leave[0].upper() + leave[1:],
    )
