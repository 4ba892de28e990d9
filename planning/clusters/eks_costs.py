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
from planning.clusters.eks_network import PlannedNetwork
from planning.clusters.eks_nodes import PlannedNodeGroup
from planning.settings.cluster import Eks


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCost:
    """`usd_per_hour` is of all `count` together, None outside the region that the catalogue has prices of."""

    what: str
    count: int
    usd_per_hour: Decimal | None
    source: str


def plan_costs(cluster: Eks, network: PlannedNetwork, system: PlannedNodeGroup) -> tuple[RunningCost, ...]:
    return tuple(
        RunningCost(
            what=what,
            count=count,
            usd_per_hour=rate.usd_per_hour * count if cluster.region == PRICED_REGION else None,
            source=rate.source,
        )
        for what, count, rate in _rates(cluster, network, system)
    )


def _rates(cluster: Eks, network: PlannedNetwork, system: PlannedNodeGroup) -> Iterator[tuple[str, int, Rate]]:
    machine = SYSTEM_MACHINES[cluster.system.machine]
    yield "control plane", 1, CONTROL_PLANE if in_standard_support(cluster.kubernetes) else CONTROL_PLANE_EXTENDED
    yield (
        f"system nodes ({machine.name})",
        system.at_first.value,
        Rate(usd_per_hour=machine.usd_per_hour, source=SYSTEM_MACHINES_SOURCE),
    )
    yield "NAT gateways", network.nat.value, NAT_GATEWAY
    yield "public addresses of the NAT gateways", network.nat.value, PUBLIC_ADDRESS
    yield (
        "interface endpoints, one a service and zone",
        len(network.interfaces) * len(network.zones),
        INTERFACE_ENDPOINT,
    )
    if cluster.key is None:
        yield "KMS key", 1, KMS_KEY


def in_standard_support(kubernetes: str) -> bool:
    return any(version.minor == kubernetes and version.in_standard_support for version in VERSIONS)
