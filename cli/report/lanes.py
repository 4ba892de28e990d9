"""A server's lanes: where its pods stand, how they change, and when they become more or fewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cli.report.document import Fact, Facts, LaneDrawing, LanesDrawing, Section
from cli.report.values import Value, absent, code, count, names, percent, pods, seconds, span, words
from planning.derived import Derived
from planning.disruption import Spread
from planning.lanes import Lane
from planning.scaling import PENDING_METRIC, SCALE_IN_PERIOD_S, SCALE_OUT_PERIOD_S
from planning.server import PlannedLane, PlannedServer
from planning.wording import counted

OfLane = Callable[[PlannedLane], tuple[Value, str]]
"""What is so of a lane, and why."""

SPREADS = {
    Spread.REQUIRED: "required",
    Spread.PREFERRED: "preferred",
}


def per_lane(lanes: Sequence[PlannedLane], key: str, label: str, of: OfLane) -> tuple[Fact, ...]:
    """A fact for each of `lanes`; one for several where it is the same for them."""
    alike: dict[tuple[str, str], tuple[Value, str, list[str]]] = {}
    for lane in lanes:
        value, because = of(lane)
        alike.setdefault((value.text, because), (value, because, []))[2].append(lane.lane.name)
    return tuple(
        Fact(key, label if len(alike) == 1 else f"{label}: {' and '.join(named)}", value, because, tuple(named))
        for value, because, named in alike.values()
    )


def derived(show: Callable[[int], Value], of: Callable[[PlannedLane], Derived[int]]) -> OfLane:
    """A number that the plan derived, shown by `show`."""
    return lambda lane: (show(of(lane).value), of(lane).because)


def placement_section(server: PlannedServer) -> Section:
    lanes = server.lanes
    drawn = tuple(_drawing(lane.lane) for lane in lanes)
    kept = server.headroom
    facts = (
        *((Fact("headroom", "Places kept free", pods(kept.pods.value), kept.pods.because),) if kept else ()),
        *per_lane(lanes, "deployment", "Deployment", _deployment),
        *per_lane(lanes, "pods", "Pods", _pods),
        *per_lane(lanes, "pools", "Pools", _pools),
        *per_lane(lanes, "spread_over_zones", "Spread over zones", lambda lane: _spread(lane.over_zones)),
        *per_lane(lanes, "spread_over_nodes", "Spread over nodes", lambda lane: _spread(lane.over_nodes)),
    )
    return Section(key="placement", title="Lanes and placement", blocks=(LanesDrawing(lanes=drawn), Facts(facts=facts)))


def _drawing(lane: Lane) -> LaneDrawing:
    capacity = lane.capacity if lane.pools else "no GPU"
    return LaneDrawing(name=lane.deployment, capacity=capacity, at_rest=lane.minimum.value, at_most=lane.maximum.value)


def _deployment(lane: PlannedLane) -> tuple[Value, str]:
    return words(lane.lane.deployment), f"the server's lane {lane.lane.name}"


def _pods(planned: PlannedLane) -> tuple[Value, str]:
    least, most = planned.lane.minimum, planned.lane.maximum
    same = least.because == most.because
    because = least.because if same else f"at least: {least.because}; at most: {most.because}"
    return span(least.value, most.value), because


def _pools(planned: PlannedLane) -> tuple[Value, str]:
    lane = planned.lane
    return names([pool.name for pool in lane.pools]), f"they are {lane.capacity}" if lane.pools else "it has no GPU"


def _spread(spread: Derived[Spread]) -> tuple[Value, str]:
    return Value(data=spread.value.value, text=SPREADS[spread.value]), spread.because


def disruption_section(server: PlannedServer) -> Section:
    lanes, budget = server.lanes, server.disruption.max_unavailable
    surge = derived(pods, lambda lane: lane.rollout.max_surge)
    missing = derived(pods, lambda lane: lane.rollout.max_unavailable)
    facts = (
        Fact("max_unavailable", "Evicted at once at most", pods(budget.value), budget.because),
        *per_lane(lanes, "rollout_max_surge", "More in a rollout", surge),
        *per_lane(lanes, "rollout_max_unavailable", "Fewer in a rollout", missing),
    )
    return Section(key="disruption", title="Disruptions and rollouts", blocks=(Facts(facts=facts),))


def scaling_section(server: PlannedServer) -> Section:
    scaled = tuple(lane for lane in server.lanes if lane.lane.scaled)
    targets = per_lane(server.lanes, "waiting_requests_per_pod", "Waiting requests a pod", _target)
    facts = (*_signal(), *targets, *_behaviour(scaled)) if scaled else targets
    return Section(key="scaling", title="Scaling", blocks=(Facts(facts=facts),))


def _signal() -> tuple[Fact, ...]:
    why = "requests that wait in Triton's queues; they become more as soon as work piles up"
    return (Fact("signal", "Signal", code(PENDING_METRIC), why),)


def _target(lane: PlannedLane) -> tuple[Value, str]:
    target = lane.scaling.target
    if target is None:
        return absent(text="not scaled"), f"it has {counted(lane.lane.minimum.value, 'pod')} at least and at most"
    return count(target.value), target.because


def _behaviour(lanes: Sequence[PlannedLane]) -> tuple[Fact, ...]:
    out, back = f"each {SCALE_OUT_PERIOD_S} s", f"each {SCALE_IN_PERIOD_S} s"
    rows: tuple[tuple[str, str, OfLane], ...] = (
        ("grows_after", "Grows after", derived(seconds, lambda lane: lane.scaling.scale_out_window)),
        ("grows_by", f"Grows {out} by", derived(percent, lambda lane: lane.scaling.scale_out_percent)),
        ("grows_by", "or by, if that is more", derived(pods, lambda lane: lane.scaling.scale_out_pods)),
        ("shrinks_after", "Shrinks after", derived(seconds, lambda lane: lane.scaling.scale_in_window)),
        ("shrinks_by", f"Shrinks {back} by", derived(pods, lambda lane: lane.scaling.scale_in_pods)),
    )
    return tuple(fact for key, label, of in rows for fact in per_lane(lanes, key, label, of))
