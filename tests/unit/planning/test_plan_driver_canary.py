"""What tries a new driver before a pool has it, and what waits for that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planning.catalogue import CATALOGUE
from planning.clusters.eks import Karpenter
from planning.driver_canary import CANARY, CORDONED, DriverCanary, canary_name, how_a_driver_comes
from planning.images import image_lock as committed_lock
from planning.plan import Plan
from planning.planner import plan
from planning.pools import POOL_LABEL
from planning.quota import GPU, PODS
from tests.unit.planning.rule_examples import ON_EKS, ON_GKE
from tests.unit.planning.world import EKS, edited, image_lock, planned_with, repository, settings_of

IMAGE = "v20261120"
EKS_POOLS = {**EKS, "pools": {"cheap": {"driver": {"image": IMAGE}}}, "node_image": "v20261105"}
TRYING = {"cluster": EKS_POOLS, "controllers.karpenter": "present"}
INSTALLED = {
    "cluster.pools.steady.driver": {"version": "580.105.08", "canary": {"driver": "canary"}},
    "cluster.pools.steady.taints": [{"key": "gpu", "effect": "NoSchedule"}],
}


def trying(**changes: Any) -> Plan:
    """The stack on EKS with Karpenter, and a driver for its spot pool."""
    return planned_with({**TRYING, **changes})


def only(decided: Plan) -> DriverCanary:
    (canary,) = decided.drivers
    return canary


def karpenter(decided: Plan) -> Karpenter:
    assert decided.karpenter is not None, [str(finding) for finding in decided.findings]
    return decided.karpenter.nodes


def test_karpenter_may_buy_one_node_with_the_new_image_for_the_handshake_alone() -> None:
    decided = trying()
    canary, nodes = only(decided), karpenter(decided)
    (pool,) = [pool for pool in nodes.pools if pool.name == canary_name("cheap")]
    (node_class,) = [one for one in nodes.classes if one.name == pool.node_class]
    assert node_class.image.value == f"al2023@{IMAGE}"
    (planned,) = [one for one in decided.pools if one.name == "cheap"]
    assert pool.gpus.value == planned.gpus_per_node
    assert pool.capacity == "on-demand"
    # The handshake's pod can be there, and fits on one node.
    assert canary.labels == pool.labels
    assert set(pool.taints) <= set(canary.taints)
    assert canary.gpus <= planned.slots


def test_no_server_can_stand_on_a_canary_node() -> None:
    decided = trying()
    labels = only(decided).labels
    asked = [pool.labels for server in decided.servers for lane in server.lanes for pool in lane.lane.pools]
    assert asked
    for own in asked:
        assert not own.items() <= labels.items()


def test_the_handshake_of_one_image_never_finds_the_node_of_another() -> None:
    other = {**EKS_POOLS, "pools": {"cheap": {"driver": {"image": "v20261127"}}}}
    one, another = only(trying()), only(trying(cluster=other))
    assert one.labels[CANARY] == IMAGE
    assert one.labels[CANARY] != another.labels[CANARY]
    assert one.object_name != another.object_name


def test_a_pools_own_image_waits_for_its_canary_and_nobody_elses_does() -> None:
    nodes = karpenter(trying())
    assert {one.name: one.after for one in nodes.classes if one.after} == {"cheap": "cheap"}
    images = {one.name: one.image.value for one in nodes.classes}
    assert images["cheap"] == images[canary_name("cheap")] == f"al2023@{IMAGE}"
    assert {image for name, image in images.items() if "cheap" not in name} == {"al2023@v20261105"}


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_nodes_are_moved_onto_a_new_image_than_one_batch(at_once: int) -> None:
    driver = {"image": IMAGE, "at_once": at_once}
    nodes = karpenter(trying(cluster={**EKS_POOLS, "pools": {"cheap": {"driver": driver}}}))
    for pool in nodes.pools:
        budgets = [budget.nodes for budget in pool.budgets.value if "Drifted" in budget.reasons]
        assert budgets == [str(at_once if pool.pool == "cheap" else 1)]
        moved = [budget.nodes for budget in pool.budgets.value if "Underutilized" in budget.reasons]
        assert moved == ["1"]


def test_another_image_that_serves_is_another_handshake() -> None:
    before, after = only(trying()), only(trying(**{"servers.vision.release": "26.10"}))
    assert before.image.value != after.image.value
    assert before.object_name != after.object_name
    assert before.object_name == only(trying(**{"servers.vision.replicas": {"floor": 2, "ceiling": 3}})).object_name


def test_of_several_servers_the_newest_release_tries_the_driver() -> None:
    settings = edited(TRYING)
    settings["servers"]["newer"] = {**settings["servers"]["vision"], "release": "26.10"}
    canary = only(plan(settings_of(settings), repository(), CATALOGUE, image_lock()))
    assert canary.server == "newer"
    release = CATALOGUE.release("26.10")
    assert release is not None
    assert release.cuda is not None
    assert canary.cuda is not None
    assert release.cuda.startswith(f"{canary.cuda[0]}.{canary.cuda[1]}")


def test_the_device_plugin_that_we_install_is_on_canary_nodes_too() -> None:
    lock = image_lock().holding(committed_lock().named("device-plugin")[0])
    settings = settings_of(edited({**TRYING, "controllers.nvidia_device_plugin": "install"}))
    decided = plan(settings, repository(), CATALOGUE, lock)
    nodes = {plugin.pool: plugin.nodes for plugin in decided.device_plugins}
    pools = {pool.name: pool.labels for pool in decided.pools}
    assert nodes == {"cheap": (pools["cheap"], only(decided).labels), "steady": (pools["steady"],)}


def test_the_namespace_has_room_for_a_handshake_beside_all_servers() -> None:
    without = planned_with({**TRYING, "cluster": EKS})
    decided = trying()
    for resource in (GPU, PODS):
        assert decided.quota.most[resource].value > without.quota.most[resource].value


def test_the_canarys_node_outlasts_the_handshake_and_not_the_day() -> None:
    decided = trying()
    expiry = {pool.name: pool.expire_hours.value for pool in karpenter(decided).pools}
    assert only(decided).seconds.value < expiry[canary_name("cheap")] * 3600 <= 4 * 3600
    assert expiry["cheap"] > 24


def test_it_waits_longer_than_a_node_takes_to_boot() -> None:
    decided = trying()
    (pool,) = [pool for pool in decided.pools if pool.name == "cheap"]
    assert only(decided).seconds.value > pool.boot_seconds.value


def test_on_an_existing_cluster_it_runs_where_the_stack_file_says_and_asks_for_that_very_driver() -> None:
    decided = planned_with(INSTALLED)
    canary = only(decided)
    assert not decided.findings
    assert canary.labels == {"pool": "steady", "driver": "canary"}
    assert canary.driver == canary.version.value == "580.105.08"
    assert CORDONED in canary.taints
    assert {taint.key for taint in canary.taints} > {"gpu"}
    # Its other GPUs may serve.
    assert canary.gpus == 1


@pytest.mark.parametrize("cluster", [{}, ON_GKE, {**ON_EKS, "controllers.karpenter": "present"}])
def test_nothing_is_tried_where_nothing_is_stated(cluster: dict[str, Any]) -> None:
    decided = planned_with(cluster)
    assert decided.drivers == ()
    if decided.karpenter is not None:
        nodes = decided.karpenter.nodes
        assert not [one for one in nodes.classes if one.after is not None]
        assert {
            pool.name: pool.labels[POOL_LABEL] for pool in nodes.pools if pool.labels[POOL_LABEL] != pool.pool
        } == {}


def test_the_plan_says_how_a_driver_comes() -> None:
    settings = trying().settings
    assert IMAGE in how_a_driver_comes(settings, "cheap").value
    assert how_a_driver_comes(settings, "steady").value == "with new nodes"
    assert "580.105.08" in how_a_driver_comes(planned_with(INSTALLED).settings, "steady").value


def test_what_is_tried_is_all_that_names_it() -> None:
    canary = only(trying())
    for changes in ({"server": "other"}, {"labels": {}}):
        assert replace(canary, **changes).object_name == canary.object_name
    for changes in ({"driver": "1"}, {"cuda": (1, 0)}, {"capability": (1, 0)}, {"gpus": 9}):
        assert replace(canary, **changes).object_name != canary.object_name
