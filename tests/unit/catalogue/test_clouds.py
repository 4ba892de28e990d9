"""Facts of the clouds that planning builds labels, deadlines and network rules from."""

from __future__ import annotations

from ipaddress import ip_network
from typing import get_args

import pytest

from planning.catalogue.clouds import CLOUDS, CloudFacts
from planning.catalogue.gpus import GPUS, GpuKind
from planning.catalogue.machines import MACHINES, Capacity, Cloud

every_cloud = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=lambda cloud: cloud.cloud)


def test_every_cloud_that_has_machines_is_described() -> None:
    assert set(CLOUDS) == set(get_args(Cloud)) == {machine.cloud for machine in MACHINES}


@every_cloud
def test_its_labels_tell_spot_from_on_demand(cloud: CloudFacts) -> None:
    for labels in cloud.nodes.values():
        assert set(labels.capacity) == set(get_args(Capacity))
        (key, spot), (other, on_demand) = labels.capacity["spot"], labels.capacity["on-demand"]
        assert key == other
        assert spot != on_demand


@every_cloud
def test_a_notice_can_only_grow_and_ends_before_the_node(cloud: CloudFacts) -> None:
    notice = cloud.spot
    assert 0 < notice.default_seconds <= notice.max_seconds <= notice.max_total_seconds
    assert (notice.default_seconds == notice.max_seconds) == (notice.max_requires is None)


@every_cloud
def test_what_pods_reach_is_single_link_local_addresses(cloud: CloudFacts) -> None:
    """Never a range: a rule made from one must not open more than the one server."""
    cidrs = [cloud.metadata.cidr, *(endpoint.cidr for endpoint in cloud.identity), *cloud.dns.node_local]
    for cidr in cidrs:
        network = ip_network(cidr)
        assert network.num_addresses == 1
        assert network.is_link_local
    for endpoint in (cloud.metadata, *cloud.identity):
        assert endpoint.ports
        assert all(0 < port < 65536 for port in endpoint.ports)


@every_cloud
def test_a_new_node_takes_longer_than_any_notice_can_be(cloud: CloudFacts) -> None:
    """Whoever waits for a replacement before leaving waits in vain."""
    assert cloud.boot.seconds > cloud.spot.max_total_seconds


def test_karpenter_tells_every_gpu_that_amazon_sells_apart_or_by_its_machine() -> None:
    sold: set[GpuKind] = {machine.gpu for machine in MACHINES if machine.cloud == "eks"}
    by_name: dict[str, set[GpuKind]] = {}
    for kind in sold:
        by_name.setdefault(GPUS[kind].karpenter_name, set()).add(kind)
    ambiguous = {name for name, kinds in by_name.items() if len(kinds) > 1}
    assert ambiguous <= {"a100"}
