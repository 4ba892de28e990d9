"""A pool is the cheapest that does: the smallest machine on which its pods fit, with the labels that it declares."""

from __future__ import annotations

from typing import Any

import pytest

from planning.catalogue import CATALOGUE
from planning.catalogue.machines import MachineType, allocatable
from planning.pool_machines import NODE_AGENTS
from planning.pools import COMPUTE_CLASS, GPU_RESOURCE, MIG_CONFIG, PLUGIN_CONFIG, POOL_LABEL, Pool
from planning.proxy import with_proxy
from planning.settings.quantities import Cpu, Memory
from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import EKS, GKE, Raw, edited, planned, planned_with


def pool(changes: Raw, name: str = "steady") -> Pool:
    return next(each for each in planned_with(changes).pools if each.name == name)


def holds(machine: MachineType, slots: int, servers: list[Any]) -> bool:
    """Whether a node of `machine` has room for as many pods of each server as it has shares for."""
    room = allocatable(machine)
    cpu, memory = room.cpu_milli - NODE_AGENTS[0].millis, room.memory_bytes - NODE_AGENTS[1].bytes
    for server in servers:
        asked = with_proxy(Cpu.parse(server["resources"]["cpu"]), Memory.parse(server["resources"]["memory"]))
        pods = slots // server["gpu"].get("count", 1)
        if pods * asked[0].millis > cpu or pods * asked[1].bytes > memory:
            return False
    return True


@for_every_stack
def test_a_machine_is_the_smallest_that_holds_a_nodes_worth_of_pods(raw: Raw) -> None:
    for each in planned(raw).pools:
        if each.machine is None:
            continue
        chosen = each.machine.value
        servers = [server for server in raw["servers"].values() if each.name in server["gpu"].get("pools", [])]
        offered = CATALOGUE.machines_with(chosen.cloud, chosen.gpu, chosen.gpus, each.capacity)
        assert chosen in offered
        smaller = offered[: offered.index(chosen)]
        assert not [machine for machine in smaller if holds(machine, each.slots, servers)]
        assert holds(chosen, each.slots, servers) or chosen == offered[-1]


@for_every_stack
def test_a_pool_that_we_make_declares_its_own_name_and_keeps_others_off_its_gpus(raw: Raw) -> None:
    """An autoscaler starts no node for a label that the pool does not declare."""
    for each in planned(raw).pools:
        if each.machine is not None:
            of_class = {COMPUTE_CLASS: each.compute_class} if each.compute_class else {}
            said = {key: value for key, value in each.labels.items() if key in (MIG_CONFIG, PLUGIN_CONFIG)}
            assert dict(each.labels) == {POOL_LABEL: each.name, **of_class, **said}
            assert [(taint.key, taint.effect) for taint in each.taints] == [
                (key, "NoSchedule") for key in (GPU_RESOURCE, *of_class)
            ]
        else:
            assert dict(each.labels) == raw["cluster"]["pools"][each.name]["labels"]


@for_every_stack
def test_a_node_has_as_many_shares_as_its_gpus_are_cut_into(raw: Raw) -> None:
    for each in planned(raw).pools:
        wanted = raw["gpu_pools"][each.name]
        sharing = wanted["sharing"]
        profiles = {profile.name: profile.per_gpu for profile in each.gpu.mig}
        of_gpu = {"whole": 1, "mig": profiles.get(sharing.get("profile"))}.get(sharing["kind"], sharing.get("pods"))
        assert each.slots == wanted["gpus_per_node"] * of_gpu
        assert each.max_slots == wanted["nodes"]["max"] * each.slots


def test_a_machine_that_is_named_is_taken() -> None:
    made = pool({"cluster": {**GKE, "machines": {"steady": "g2-standard-32"}}})
    assert made.machine is not None
    assert made.machine.value.name == "g2-standard-32"
    assert "cluster.machines.steady" in made.machine.because


def test_a_greater_server_gets_a_greater_machine() -> None:
    small, great = (
        pool({"cluster": EKS, "servers.vision.resources": {"cpu": cpu, "memory": "4Gi"}}) for cpu in ("2", "7")
    )
    assert small.machine is not None
    assert great.machine is not None
    assert (small.machine.value.name, great.machine.value.name) == ("g6.xlarge", "g6.2xlarge")


def test_a_cluster_behind_a_reference_plans_like_the_cluster_itself() -> None:
    for cluster in (GKE, EKS):
        itself, behind = (
            planned_with({"cluster": block})
            for block in (cluster, {"kind": "reference", "stack": "acme/tritonup/cluster", "cluster": cluster})
        )
        assert (behind.pools, behind.servers, behind.cost) == (itself.pools, itself.servers, itself.cost)
        assert (behind.platform, behind.pod_security) == (itself.platform, itself.pod_security)


@pytest.mark.parametrize(
    ("cluster", "platform"),
    [
        (GKE, "gke"),
        (EKS, "eks"),
        (edited({})["cluster"], "other"),
        (edited({"cluster.platform": "eks"})["cluster"], "eks"),
    ],
)
def test_the_platform_is_that_of_the_cluster(cluster: Raw, platform: str) -> None:
    assert planned_with({"cluster": cluster}).platform == platform


def test_pod_security_is_pinned_to_the_version_of_the_cluster() -> None:
    assert planned_with({"cluster.kubernetes": "1.33"}).pod_security == "v1.33"


def test_what_a_stack_costs_is_the_price_of_its_nodes() -> None:
    made = planned_with({"cluster": EKS, "gpu_pools.steady.nodes": {"min": 2, "max": 4}})
    cost = next(each for each in made.cost if each.pool.name == "steady")
    machine = next(each for each in made.pools if each.name == "steady").machine
    assert machine is not None
    price = CATALOGUE.price(machine.value, "us-east-1", "on-demand")
    assert price is not None
    assert price.usd_per_hour > 0
    assert (cost.region, cost.at_rest, cost.at_most) == ("us-east-1", 2 * price.usd_per_hour, 4 * price.usd_per_hour)


def test_a_price_that_nobody_found_is_not_made_up() -> None:
    """No dated price of EC2 spot capacity was found."""
    (cost,) = [each for each in planned_with({"cluster": EKS}).cost if each.pool.name == "cheap"]
    assert (cost.price, cost.at_rest, cost.at_most) == (None, None, None)


def test_nodes_that_are_there_already_have_no_price_here() -> None:
    assert {each.price for each in planned_with({}).cost} == {None}
    assert [each.pool.name for each in planned_with({"cluster": GKE}).cost] == ["steady", "cheap"]
