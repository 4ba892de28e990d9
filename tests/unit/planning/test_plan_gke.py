"""A GKE cluster as planned: ranges, node pools, who reads the models, cost and quotas."""

from __future__ import annotations

from decimal import Decimal
from ipaddress import IPv4Network, ip_network
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as search
from hypothesis import strategies as st

from planning.catalogue import CATALOGUE
from planning.catalogue.gke_fees import PLAIN_MACHINES, plain_price
from planning.clusters.gke import Inside, PlannedGke, cloud_labels
from planning.clusters.gke_network import POD_STEPS, block_of, pods_of_a_node
from planning.clusters.gke_pools import BlueGreen, NodePoolPlan, Shutdown, Surge
from planning.pools import POOL_LABEL
from tests.unit.planning.drawn_stacks import healthy_stacks
from tests.unit.planning.world import GKE, SIGNING, STACK, Raw, planned, planned_with

GS = {"kind": "gs", "bucket": "models", "prefix": "triton/models"}


def gke_with(changes: Raw | None = None, **cluster: Any) -> PlannedGke:
    plan = planned_with({"cluster": {**GKE, **cluster}, **(changes or {})})
    assert isinstance(plan.made, PlannedGke), [str(finding) for finding in plan.findings]
    return plan.made


def pool(of: PlannedGke, name: str) -> NodePoolPlan:
    return next(each for each in of.pools if each.name == name)


# --- whatever the stack file says ---


@search(max_examples=40)
@given(healthy_stacks())
def test_every_plan_without_errors_has_a_cluster_that_google_takes(raw: Raw) -> None:
    plan = planned(raw)
    if raw["cluster"]["kind"] != "gke" or plan.errors:
        return
    made = plan.made
    assert isinstance(made, PlannedGke)
    ranges = [ip_network(cidr.value) for cidr in (made.network.nodes, made.network.pods, made.network.services)]
    assert not [pair for pair in combinations(ranges, 2) if pair[0].overlaps(pair[1])]
    by_name = {pool.name: pool for pool in plan.pools}
    assert [each.name for each in made.pools if each.name == each.pool] == list(by_name)
    for each in made.pools:
        _fits(each, made)
        wanted = by_name[each.pool]
        assert wanted.machine is not None
        known = CATALOGUE.zones(wanted.machine.value)
        assert known is not None
        assert set(each.zones.value) <= known
        # Every pod that may be on a node has an address there.
        assert each.pods.value > wanted.slots or each.pods.value == POD_STEPS[-1]
    nodes = sum(each.demand.nodes for each in (made.system, *made.pools))
    assert ip_network(made.network.nodes.value).num_addresses >= nodes + 4
    assert ip_network(made.network.pods.value).num_addresses >= sum(
        each.demand.addresses for each in (made.system, *made.pools)
    )


def _fits(each: NodePoolPlan, made: PlannedGke) -> None:
    assert each.zones.value
    assert set(each.zones.value) <= set(made.zones.value)
    assert 0 <= each.min_nodes <= each.max_nodes
    assert each.labels[POOL_LABEL] == each.pool
    assert len(each.name) <= (40 if each.named else 32)
    assert (each.shutdown is None) or each.spot
    if each.accelerator is not None:
        assert not (each.accelerator.partition and each.accelerator.sharing)
        assert each.accelerator.type.value


@given(st.integers(1, 256))
def test_a_block_holds_twice_the_pods_and_is_a_power_of_two(pods: int) -> None:
    block = block_of(pods)
    assert 2 * pods <= block < 4 * pods or pods == 1
    assert block & (block - 1) == 0


def test_blocks_are_those_that_google_documents() -> None:
    assert [block_of(pods) for pods in (8, 9, 16, 32, 64, 110, 256)] == [16, 32, 32, 64, 128, 256, 512]


@given(st.integers(1, 400))
def test_more_shares_never_have_fewer_pods(slots: int) -> None:
    assert pods_of_a_node(slots).value <= pods_of_a_node(slots + 1).value


@given(st.dictionaries(st.text("aZ9.-_/", min_size=1, max_size=80), st.text("aZ9.-_", max_size=80), max_size=3))
def test_labels_are_such_that_google_takes_them(labels: dict[str, str]) -> None:
    for text in (*cloud_labels(labels), *cloud_labels(labels).values()):
        assert len(text) <= 63
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


# --- pools ---


def test_a_pool_is_where_its_machine_is_offered_and_nowhere_else() -> None:
    zones = ["us-central1-a", "us-central1-b", "us-central1-f"]
    plan = planned_with({"cluster": {**GKE, "zones": zones}})
    assert {each.zones for each in plan.pools} == {("us-central1-a", "us-central1-b")}
    assert isinstance(plan.made, PlannedGke)
    assert plan.made.system.zones.value == tuple(zones)
    assert "offer" in plan.made.pools[0].zones.because


@pytest.mark.parametrize(
    ("notice", "shutdown"),
    [("15s", None), ("60s", Shutdown(total=75, critical=15)), ("105s", Shutdown(total=120, critical=15))],
)
def test_pods_get_the_notice_that_is_asked_for_and_the_system_its_own(notice: str, shutdown: Shutdown | None) -> None:
    slow = {"servers.vision.drain.slowest_request": "1s"}
    made = gke_with(slow, spot_notice=notice)
    planned_shutdown = pool(made, "cheap").shutdown
    assert (planned_shutdown.value if planned_shutdown else None) == shutdown
    assert pool(made, "steady").shutdown is None


def test_spot_is_taken_wherever_it_is_and_the_floor_is_spread() -> None:
    made = gke_with()
    assert pool(made, "cheap").location_policy.value == "ANY"
    assert pool(made, "steady").location_policy.value == "BALANCED"
    assert made.system.location_policy.value == "BALANCED"
    assert made.system.spot is False


def test_a_reservation_has_no_node_to_spare_for_an_upgrade() -> None:
    reserved = {"provisioning": {"kind": "reservation", "name": "l4s"}}
    made = gke_with(pools={"steady": reserved})
    assert pool(made, "steady").upgrade.value == Surge(more=0, fewer=1)
    assert pool(made, "steady").reservation is not None
    assert pool(made, "cheap").upgrade.value == Surge(more=1, fewer=0)


def test_blue_green_needs_twice_the_nodes() -> None:
    made = gke_with(pools={"steady": {"upgrade": {"kind": "blue-green", "soak": "2h"}}})
    steady = pool(made, "steady")
    assert steady.upgrade.value == BlueGreen(soak_seconds=7200)
    assert steady.demand.nodes == 2 * steady.max_nodes


def test_a_disk_holds_two_images_and_what_pods_copy() -> None:
    assert pool(gke_with(), "steady").disk_gib.value == 200
    heavy = gke_with({"servers.vision.resources.scratch": "200Gi"})
    assert pool(heavy, "steady").disk_gib.value == 400
    assert pool(gke_with(pools={"steady": {"disk": "120Gi"}}), "steady").disk_gib.value == 120


@pytest.mark.parametrize(("gpu", "disk"), [("nvidia-l4", "pd-balanced"), ("nvidia-h200-141gb", "hyperdisk-balanced")])
def test_a_machine_boots_from_a_disk_that_it_takes(gpu: str, disk: str) -> None:
    count = 8 if gpu == "nvidia-h200-141gb" else 1
    changed = {"gpu_pools.steady.gpu": gpu, "gpu_pools.steady.gpus_per_node": count}
    assert pool(gke_with(changed), "steady").disk_type.value == disk


# --- who may do what ---


def test_every_server_reads_a_folder_of_its_own_below_the_prefix() -> None:
    made = gke_with({"model_repository.destination": GS})
    assert made.models is not None
    (vision,) = made.models.users
    assert [folder.path.value for folder in vision.folders] == ["triton/models/vision/"]
    assert vision.google_account is None
    assert made.models.made is None


def test_builders_add_engines_and_replace_none() -> None:
    building = {"model_repository.destination": {**GS, "engines": {}}, "model_repository.signing": SIGNING}
    made = gke_with(building)
    assert made.models is not None
    (builder,) = [user for user in made.models.users if user.account == "engine-builder"]
    assert {folder.path.value: folder.roles for folder in builder.folders} == {
        "triton/models/engine-sources/": ("roles/storage.objectViewer",),
        "triton/models/engines/": ("roles/storage.objectViewer", "roles/storage.objectCreator"),
    }
    assert not builder.asks
    account = "builder@acme.iam.gserviceaccount.com"
    named = gke_with({**building, "model_repository.destination": {**GS, "engines": {"service_account": account}}})
    assert named.models is not None
    assert [user.google_account and user.google_account.value for user in named.models.users] == [None, account]


def test_models_of_another_cloud_need_no_right_of_this_one() -> None:
    assert gke_with().models is None


def test_a_private_control_plane_is_left_to_a_second_stack() -> None:
    private = gke_with()
    assert isinstance(private.access.value, Inside)
    assert not private.answers_outside
    assert gke_with(endpoint={"kind": "dns"}).answers_outside
    assert gke_with(endpoint={"kind": "public", "allow": ["203.0.113.0/24"]}).answers_outside


def test_only_the_stack_that_makes_a_cluster_plans_one() -> None:
    assert planned(STACK).made is None
    behind = {"kind": "reference", "stack": "acme/tritonup/cluster", "cluster": GKE}
    assert planned_with({"cluster": behind}).made is None


# --- when, and for how much ---


def test_a_window_that_goes_over_midnight_ends_on_the_next_day() -> None:
    made = gke_with(maintenance={"days": ["fri", "sat"], "start": "22:00", "length": "6h"})
    window = made.window.value
    assert (window.start, window.end) == ("2026-01-01T22:00:00Z", "2026-01-02T04:00:00Z")
    assert window.recurrence == "FREQ=WEEKLY;BYDAY=FR,SA"


def test_exclusions_keep_their_scope() -> None:
    one = {"name": "year-end", "start": "2026-12-18T00:00:00Z", "end": "2027-01-04T00:00:00Z", "without": "upgrades"}
    (exclusion,) = gke_with(maintenance={"exclusions": [one]}).window.value.exclusions
    assert (exclusion.name, exclusion.scope) == ("year-end", "NO_UPGRADES")


def test_the_cluster_is_paid_for_beside_its_gpu_nodes() -> None:
    made = gke_with()
    lines = {line.what: line for line in made.costs}
    assert lines["control plane"].at_rest.value == Decimal("0.10")
    system = lines["system nodes (e2-standard-4)"]
    assert system.fee is not None
    assert system.at_rest.value == 2 * system.fee.usd_per_hour
    assert system.at_most.value == 6 * system.fee.usd_per_hour
    for line in made.costs:
        assert line.fee is not None
        assert line.fee.source
        assert line.fee.seen >= "2026-"


def test_a_machine_without_a_price_is_not_counted_as_free() -> None:
    made = gke_with(system={"machine": "c4-standard-4"})
    (line,) = [line for line in made.costs if "system" in line.what]
    assert (line.fee, line.at_rest.value) == (None, None)


def test_every_plain_machine_has_prices_that_grow_with_it() -> None:
    prices = [plain_price(name, "us-central1") for name in PLAIN_MACHINES]
    known = [price.usd_per_hour for price in prices if price is not None]
    assert len(known) == len(PLAIN_MACHINES)
    assert known == sorted(known)


def test_quotas_hold_all_pools_with_their_upgrades() -> None:
    made = gke_with()
    needed = {(quota.name, quota.region): quota.needed.value for quota in made.quotas}
    assert needed == {
        ("NVIDIA_L4_GPUS", "us-central1"): 5,
        ("PREEMPTIBLE_NVIDIA_L4_GPUS", "us-central1"): 5,
        ("GPUS_ALL_REGIONS", None): 10,
    }


def test_every_gpu_machine_of_google_has_zones_in_some_region() -> None:
    for machine in CATALOGUE.machines:
        zones = CATALOGUE.zones(machine)
        if machine.cloud == "gke":
            assert zones, machine.name
            assert all(zone.count("-") == 2 for zone in zones)
        else:
            assert zones is None


def test_the_default_ranges_are_private_and_wide_enough_for_many() -> None:
    made = gke_with()
    for cidr in (made.network.nodes, made.network.pods, made.network.services):
        network = ip_network(cidr.value)
        assert isinstance(network, IPv4Network)
        assert network.is_private
