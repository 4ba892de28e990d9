"""What may be taken away at once: the disruption budget, the rollout and the spread, from one statement.

A PodDisruptionBudget with `minAvailable` counts against a number that autoscaling moves; `maxUnavailable` keeps
its meaning at every size (Kubernetes, "Specifying a Disruption Budget for your Application").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.lanes import Lane

ALONE = Rule("TU321", Severity.WARNING, "A server has a second replica to serve while one moves")
NO_ROOM_TO_ROLL = Rule("TU322", Severity.WARNING, "A rollout has room for one more pod")

LOSS_SHARE = 4
"""A voluntary disruption takes at most a fourth of the floor at once, so that what stays carries the load at
a third more each: head-room that a target at half of the queue (see scaling) leaves. A choice of ours."""


class Spread(StrEnum):
    """How strictly replicas stand apart."""

    REQUIRED = "DoNotSchedule"
    PREFERRED = "ScheduleAnyway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Of a Deployment: how many pods may come early and how many may be missing while it changes."""

    max_surge: Derived[int]
    max_unavailable: Derived[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disruption:
    """`max_unavailable`: of all lanes together, by voluntary disruptions."""

    max_unavailable: Derived[int]


def plan_disruption(server: str, floor: int) -> tuple[Disruption, tuple[Finding, ...]]:
    if floor == 1:
        return (
            Disruption(max_unavailable=Derived(1, "with 0 a node could never be drained, and there is one replica")),
            (
                Finding(
                    rule=ALONE,
                    at=setting(f"servers.{server}.replicas.floor"),
                    what="1 means that nothing serves while that one pod moves to another node.",
                    fix="Write 2 or more, or accept this warning with a reason.",
                ),
            ),
        )
    unavailable = max(1, floor // LOSS_SHARE)
    because = f"a fourth of the floor of {floor}, and at least one so that nodes can be drained"
    return Disruption(max_unavailable=Derived(unavailable, because)), ()


def plan_rollout(lane: Lane, *, spare: bool) -> tuple[Rollout, tuple[Finding, ...]]:
    """One pod more while the lane changes, where its pools have a `spare` place for it whatever else runs on them;
    else one less: a pod that waits for a place which never comes would hold up the rollout for good."""
    names = " and ".join(repr(pool.name) for pool in lane.pools)
    if spare or not lane.pools:
        room = f"beside every ceiling there is a place on {names}" if lane.pools else "nodes without GPUs have room"
        return (
            Rollout(
                max_surge=Derived(1, f"{room}: the new pod is ready before an old one leaves"),
                max_unavailable=Derived(0, "a rollout takes no capacity away"),
            ),
            (),
        )
    because = f"the ceilings of the servers take every place of {names}"
    rollout = Rollout(max_surge=Derived(0, because), max_unavailable=Derived(1, "one place has to be freed first"))
    if lane.maximum.value > 1:
        return rollout, ()
    return rollout, (
        Finding(
            rule=NO_ROOM_TO_ROLL,
            at=setting(f"gpu_pools.{lane.pools[0].name}.nodes.max"),
            what=f"The pools of {lane.deployment!r} have a place for its one pod and none for its successor: a rollout"
            " stops serving until the new pod is ready.",
            fix=f"Raise nodes.max of {lane.pools[0].name!r} by one for each server that this is said of, or accept this"
            " warning with a reason.",
        ),
    )


def plan_spread(lane: Lane) -> tuple[Derived[Spread], Derived[Spread]]:
    """Over zones, and over nodes."""
    zones = {zone for pool in lane.pools for zone in pool.zones}
    if lane.capacity == "on-demand" and lane.minimum.value > 1 and len(zones) > 1:
        over_zones = Derived(Spread.REQUIRED, f"the floor must survive one of the {len(zones)} zones")
    elif lane.capacity == "spot":
        over_zones = Derived(
            Spread.PREFERRED, "spot capacity may be had in one zone only, and late is worse than uneven"
        )
    else:
        over_zones = Derived(Spread.PREFERRED, "there is one zone or one replica")
    return over_zones, Derived(Spread.PREFERRED, "a node holds more than one pod only where no other has room")
