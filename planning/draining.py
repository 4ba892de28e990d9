"""How a serving pod leaves: every timing follows from the notice that its node is given.

When a pod must go, Kubernetes removes its endpoint and starts preStop at the same moment, sends
SIGTERM when preStop ends, and SIGKILL when the grace period ends. Nothing is lost if

    endpoint lag + connection age + reconnect <= preStop,   preStop + slowest request <= grace
    detection lag + grace <= notice

for the shortest notice among the pools that the pod may run on. Pools that never reclaim give none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.pools import Pool

ENDPOINT_LAG_S = 5
"""Seconds that proxies and clients may take to notice a removed endpoint. kube-proxy needs well
under 1 s on a quiet cluster; the rest is for DNS caches of headless services (CoreDNS: 5 s)."""

DETECTION_LAG_S = 5
"""Seconds between a cloud's notice and the pod's deletion: polling or queue delivery, then eviction."""

CONNECTION_AGE_S = 2
"""The greatest age of an open gRPC connection. Measured (docs/draining.md): a channel that is renewed before the
endpoint is removed lands on the leaving pod again and stays for a whole age, so an age just below preStop loses
requests, and a short one loses none."""

AGE_JITTER = 1.1
"""gRPC lets a connection live up to a tenth longer than its age (gRFC A9)."""

RECONNECT_S = 1
"""For the last client to connect anew."""

PRE_STOP_S = ceil(ENDPOINT_LAG_S + AGE_JITTER * CONNECTION_AGE_S) + RECONNECT_S

KILL_MARGIN_S = 1
"""Seconds between Triton's own exit and SIGKILL, so that the server ends by itself."""

DOES_NOT_FIT = Rule("TU601", Severity.ERROR, "A pod has left before its node is reclaimed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """A server's leaving, in whole seconds: preStop sleep, Triton's --exit-timeout-secs, the pod's
    grace period, and the greatest age of a gRPC connection (so that clients have moved on)."""

    pre_stop: Derived[int]
    exit_timeout: Derived[int]
    grace: Derived[int]
    connection_age: Derived[int]


def plan_drain(server: str, slowest_request_s: int, pools: Sequence[Pool]) -> Drain | Finding:
    """Fit the drain of `server` into the shortest notice of `pools`, or say why it cannot be.

    `slowest_request_s` is the longest that an accepted request may take, queueing included.
    """
    grace = PRE_STOP_S + slowest_request_s + KILL_MARGIN_S
    notices = [(pool.notice.seconds, pool.name) for pool in pools if pool.notice is not None]
    if notices and DETECTION_LAG_S + grace > min(notices)[0]:
        tightest = next(pool for pool in pools if pool.name == min(notices)[1])
        return _does_not_fit(server, slowest_request_s, grace, tightest)
    within = f"{min(notices)[1]!r} gives {min(notices)[0]} s" if notices else "no pool of it reclaims nodes"
    return Drain(
        pre_stop=Derived(
            PRE_STOP_S,
            f"the endpoint's removal may be noticed {ENDPOINT_LAG_S} s late, a connection made until then lives"
            f" {AGE_JITTER} times {CONNECTION_AGE_S} s, and moving takes {RECONNECT_S} s",
        ),
        exit_timeout=Derived(slowest_request_s, "the slowest accepted request must be answered"),
        grace=Derived(grace, f"it is preStop, the exit timeout and {KILL_MARGIN_S} s to exit in, and {within}"),
        connection_age=Derived(
            CONNECTION_AGE_S, "open gRPC channels must have moved before SIGTERM, those renewed in the last moment too"
        ),
    )


def _does_not_fit(server: str, slowest_request_s: int, grace: int, pool: Pool) -> Finding:
    assert pool.notice is not None
    longest = slowest_request_s - (DETECTION_LAG_S + grace - pool.notice.seconds)
    more = f"give more notice with {pool.notice.choice}, or " if pool.notice.choice else ""
    leave = f"{more}take {pool.name!r} off this server."
    return Finding(
        rule=DOES_NOT_FIT,
        at=setting(f"servers.{server}.drain.slowest_request"),
        what=f"{slowest_request_s} s cannot finish on pool {pool.name!r}: its nodes give {pool.notice.seconds} s"
        f" ({pool.notice.source}), leaving takes {DETECTION_LAG_S + grace} s (noticing {DETECTION_LAG_S} s, grace"
        f" period {grace} s).",
        fix=f"Allow at most {longest} s, {'' if more else 'or '}{leave}"
        if longest > 0
        else leave[0].upper() + leave[1:],
    )
