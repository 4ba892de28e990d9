"""However GPUs are shared: what a server is planned on, it fits on, and whoever shares the GPUs out is told so."""

from __future__ import annotations

from typing import Any

import pytest

from planning.clusters.eks import PlannedEks
from planning.clusters.gke import PlannedGke
from planning.pools import MIG_CONFIG, PLUGIN_CONFIG
from tests.unit.planning.drawn_stacks import for_every_kind_of_stack
from tests.unit.planning.world import EKS, Raw, planned, planned_with, vision

WHOLE: Raw = {"kind": "whole"}
IN_TURNS: Raw = {"kind": "time-slicing", "pods": 2}
BY_MPS: Raw = {"kind": "mps", "pods": 2}
CUT: Raw = {"kind": "mig", "profile": "1g.10gb"}


@for_every_kind_of_stack
def test_every_server_fits_on_a_node_of_every_pool_that_it_is_planned_on(raw: Raw) -> None:
    plan = planned(raw)
    if plan.errors:
        return
    for server in plan.servers:
        for lane in server.lanes:
            assert bool(lane.lane.pools) == bool(server.gpus)
            for pool in lane.lane.pools:
                assert server.gpus <= (pool.slots if pool.whole else 1)
                assert pool.pods_of_a_node(server.gpus, *server.pod) >= 1
                assert server.needs.gpu is not None
                assert server.needs.gpu.value <= pool.share_bytes.value
            assert len({pool.by_mps for pool in lane.lane.pools}) <= 1
        assert server.needs.host.value <= server.memory.bytes


@for_every_kind_of_stack
def test_shares_are_those_that_the_cloud_is_told_to_make(raw: Raw) -> None:
    plan = planned(raw)
    if plan.errors or not isinstance(plan.made, PlannedGke):
        return
    pools = {pool.name: pool for pool in plan.pools}
    for each in plan.made.pools:
        pool, gpus = pools[each.pool], each.accelerator
        assert gpus is not None
        assert gpus.sharing is None or gpus.sharing.value[0] == "TIME_SHARING"
        if gpus.partition is None:
            assert pool.slots == gpus.count.value * (gpus.sharing.value[1] if gpus.sharing else 1)
        else:
            (profile,) = [known for known in pool.gpu.mig if known.name == gpus.partition.value]
            assert pool.slots == gpus.count.value * profile.per_gpu
            assert pool.share_bytes.value == profile.memory_bytes


def shared_on_eks(sharing: Raw, plugin: str) -> dict[str, Any]:
    """The labels of node group or NodePool `steady`."""
    plan = planned_with(
        {
            "cluster": EKS,
            "controllers.nvidia_device_plugin": plugin,
            "gpu_pools.steady": {
                "gpu": "nvidia-h100-80gb",
                "capacity": "on-demand",
                "sharing": sharing,
                "nodes": {"max": 4},
            },
            "servers.vision.gpu.pools": ["steady"],
        }
    )
    assert isinstance(plan.made, PlannedEks), [str(finding) for finding in plan.findings]
    (group,) = [group for group in plan.made.groups if group.name == "steady"]
    (pool,) = [pool for pool in plan.pools if pool.name == "steady"]
    assert {key: group.labels[key] for key in pool.labels} == dict(pool.labels)
    return dict(group.labels)


@pytest.mark.parametrize(
    ("sharing", "label", "value"),
    [
        (IN_TURNS, PLUGIN_CONFIG, "time-slicing-2"),
        (BY_MPS, PLUGIN_CONFIG, "mps-2"),
        (CUT, MIG_CONFIG, "all-1g.10gb"),
    ],
)
def test_on_eks_nvidias_operator_learns_from_a_label_how_a_pool_is_shared(sharing: Raw, label: str, value: str) -> None:
    assert shared_on_eks(sharing, "present")[label] == value


@pytest.mark.parametrize(("sharing", "plugin"), [(WHOLE, "present"), (IN_TURNS, "install"), (BY_MPS, "install")])
def test_no_node_is_labelled_for_software_that_has_nothing_to_do_there(sharing: Raw, plugin: str) -> None:
    assert not {PLUGIN_CONFIG, MIG_CONFIG} & shared_on_eks(sharing, plugin).keys()


def test_a_lane_is_by_mps_where_its_pools_are() -> None:
    plan = planned_with({"gpu_pools.cheap.sharing": BY_MPS})
    assert not plan.errors
    floor, spot = vision(plan).lanes
    assert (floor.lane.by_mps, spot.lane.by_mps) == (False, True)
