"""Head-room: as many places as are asked for, where the server grows, counted and paid for while nothing happens."""

from __future__ import annotations

from decimal import Decimal

from planning.plan import Plan
from planning.quota import GPU, PODS
from tests.unit.planning.drawn_stacks import for_every_healthy_stack
from tests.unit.planning.world import GKE, Raw, planned, planned_with, vision


def with_headroom(pods: int, changes: Raw | None = None) -> Plan:
    replicas = {"floor": 2, "ceiling": 6, "headroom": pods}
    plan = planned_with({"servers.vision.replicas": replicas, "gpu_pools.cheap.nodes": {"max": 8}, **(changes or {})})
    assert not plan.errors, [str(finding) for finding in plan.findings]
    return plan


@for_every_healthy_stack
def test_head_room_is_on_a_lane_of_its_server_and_within_its_ceiling(raw: Raw) -> None:
    plan = planned(raw)
    if plan.errors:
        return
    for server in plan.servers:
        asked = raw["servers"][server.name]["replicas"].get("headroom", 0)
        assert (server.headroom is None) == (asked == 0)
        if server.headroom is not None:
            assert server.headroom.lane in [lane.lane for lane in server.lanes]
            lane = server.headroom.lane
            assert lane.minimum.value + server.headroom.pods.value <= lane.maximum.value
            assert server.headroom.image.value.digest


def test_head_room_is_on_the_lane_that_grows() -> None:
    kept = vision(with_headroom(2)).headroom
    assert kept is not None
    assert (kept.deployment, kept.lane.name, kept.pods.value) == ("vision-headroom", "spot", 2)
    alone = vision(with_headroom(2, {"servers.vision.gpu.pools": ["steady"], "gpu_pools.steady.nodes": {"max": 8}}))
    assert alone.headroom is not None
    assert alone.headroom.lane.name == "floor"


def test_the_nodes_that_it_keeps_are_nodes_at_rest_and_are_paid_for() -> None:
    def cheap(pods: int) -> tuple[int, int, Decimal | None]:
        (cost,) = [cost for cost in with_headroom(pods, {"cluster": GKE}).cost if cost.pool.name == "cheap"]
        return cost.nodes.at_rest.value, cost.nodes.at_ceilings.value, cost.at_rest

    (without, ceilings, little), (kept, same, more) = cheap(0), cheap(2)
    assert kept == without + 2  # whole GPUs, one a node
    assert same == ceilings, "at its ceiling a server has grown into it"
    assert little is not None
    assert more is not None
    assert more == little / without * kept


def test_the_reason_names_it() -> None:
    (cost,) = [cost for cost in with_headroom(2).cost if cost.pool.name == "cheap"]
    assert "vision-headroom" in cost.nodes.at_rest.because


def test_the_quota_has_room_for_it() -> None:
    without, kept = with_headroom(0).quota.most, with_headroom(2).quota.most
    assert kept[GPU].value == without[GPU].value + 2 * 2
    assert kept[PODS].value == without[PODS].value + 2 * 2
