"""What an EKS cluster costs for each hour while nothing serves: list prices, GPU nodes and traffic left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from planning.catalogue.eks import (
    CONTROL_PLANE,
    CONTROL_PLANE_EXTENDED,
    INTERFACE_ENDPOINT,
    KMS_KEY,
    NAT_GATEWAY,
    PRICED_REGION,
    PUBLIC_ADDRESS,
    SYSTEM_MACHINES,
    SYSTEM_MACHINES_SOURCE,
    VERSIONS,
    Rate,
)
from planning.clusters.eks_models import ModelsInS3
from planning.clusters.eks_network import PlannedNetwork
from planning.clusters.eks_node_groups import PlannedNodeGroup
from planning.settings.cluster import Eks


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCost:
    """`usd_per_hour` is of all `count` together, and `usd_at_most` of as many as there may be; None outside the region
    that the catalogue has prices of."""

    what: str
    count: int
    usd_per_hour: Decimal | None
    usd_at_most: Decimal | None
    source: str


def plan_costs(
    cluster: Eks, network: PlannedNetwork, system: PlannedNodeGroup, models: ModelsInS3 | None
) -> tuple[RunningCost, ...]:
    return tuple(
        RunningCost(
            what=what,
            count=count,
            usd_per_hour=rate.usd_per_hour * count if cluster.region == PRICED_REGION else None,
            usd_at_most=rate.usd_per_hour * max(count, most) if cluster.region == PRICED_REGION else None,
            source=rate.source,
        )
        for what, count, most, rate in _rates(cluster, network, system, models)
    )


def _rates(
    cluster: Eks, network: PlannedNetwork, system: PlannedNodeGroup, models: ModelsInS3 | None
) -> Iterator[tuple[str, int, int, Rate]]:
    """What, how many, how many at the most, and the price of one."""
    machine = SYSTEM_MACHINES[cluster.system.machine]
    endpoints = len(network.interfaces) * len(network.zones)
    yield "control plane", 1, 1, CONTROL_PLANE if in_standard_support(cluster.kubernetes) else CONTROL_PLANE_EXTENDED
    yield (
        f"system nodes ({machine.name})",
        system.at_first.value,
        # Nobody moves the size of a group that the Cluster Autoscaler does not.
        system.maximum.value if system.autoscaled else system.at_first.value,
        Rate(usd_per_hour=machine.usd_per_hour, source=SYSTEM_MACHINES_SOURCE),
    )
    yield "NAT gateways", network.nat.value, network.nat.value, NAT_GATEWAY
    yield "public addresses of the NAT gateways", network.nat.value, network.nat.value, PUBLIC_ADDRESS
    yield "interface endpoints, one a service and zone", endpoints, endpoints, INTERFACE_ENDPOINT
    if cluster.key is None:
        yield "KMS key of Secrets and logs", 1, 1, KMS_KEY
    if models is not None and models.made is not None and models.key is None:
        yield "KMS key of the models' bucket", 1, 1, KMS_KEY


def in_standard_support(kubernetes: str) -> bool:
    return any(version.minor == kubernetes and version.in_standard_support for version in VERSIONS)
