"""The addresses of a GKE cluster: nodes, pods and Services each have a range of their own, and they must be enough.

A VPC-native cluster gives every node a block of pod addresses twice as large as the pods that it may have, rounded up
to a power of two, so that an address is not given anew at once ("Configure maximum Pods per node",
cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr: 110 pods take a /24, 64 a /25, 32 a /26). None of the
three ranges can be changed while the cluster lives; the pods' can be added to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import combinations
from math import ceil, log2

from planning.derived import Derived
from planning.findings import Finding, Place, Rule, Severity
from planning.settings.cluster import Gke

OVERLAPPING_RANGES = Rule("TU911", Severity.ERROR, "The cluster's address ranges do not overlap")
RANGE_TOO_SMALL = Rule("TU912", Severity.ERROR, "An address range holds what the pools may grow to")
NOT_IPV4 = Rule("TU913", Severity.ERROR, "A GKE cluster's ranges are IPv4 networks")

RESERVED_OF_A_SUBNET = 4
"""Google keeps the first two and the last two addresses of a primary range (cloud.google.com/vpc/docs/subnets)."""

LEAST_SERVICES = 27
"""Prefix. GKE takes no smaller range of Services than a /28, and its own Services with ours fill half of that
(cloud.google.com/kubernetes-engine/docs/concepts/alias-ips)."""

POD_STEPS = (32, 64, 110, 256)
"""Pods of a node that are planned with: the greatest numbers that fit into their block, and GKE's default of 110."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GkeNetwork:
    """CIDR ranges. Nodes have no public address; what leaves the network goes through one NAT gateway."""

    nodes: Derived[str]
    pods: Derived[str]
    services: Derived[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDemand:
    """Of one pool: how many nodes it may have, upgrades included, and how many pods each."""

    pool: str
    nodes: int
    pods: int

    @property
    def addresses(self) -> int:
        """Of the pods' range."""
        return self.nodes * block_of(self.pods)


def block_of(pods: int) -> int:
    """Addresses that a node with so many pods takes."""
    return 2 ** ceil(log2(2 * pods))


def pods_of_a_node(slots: int) -> Derived[int]:
    """30 pods are GKE's own DaemonSets with what people add; pods of ours take a share each, and a second while one
    replaces the other."""
    need = 30 + 2 * slots
    for step in POD_STEPS:
        if need <= step:
            break
    else:
        step = POD_STEPS[-1]
    return Derived(step, f"the node's agents and twice its {slots} shares are {need} pods, and a block holds {step}")


def plan_network(
    cluster: Gke, at: Place, demands: Sequence[NodeDemand]
) -> tuple[GkeNetwork | None, tuple[Finding, ...]]:
    """The ranges of `cluster`, whose block of the stack file is at `at`, and what is wrong with them."""
    written = {"nodes": cluster.nodes, "pods": cluster.pods, "services": cluster.services}
    parsed = {name: ip_network(cidr) for name, cidr in written.items()}
    wrong = tuple(
        Finding(
            rule=NOT_IPV4,
            at=_field(at, name),
            what=f"{network} is an IPv6 network.",
            fix="Write an IPv4 network, such as 10.0.0.0/20.",
        )
        for name, network in parsed.items()
        if isinstance(network, IPv6Network)
    )
    ranges = {name: network for name, network in parsed.items() if isinstance(network, IPv4Network)}
    found = (*wrong, *_overlaps(at, ranges), *(() if wrong else _sizes(at, ranges, demands)))
    if found:
        return None, found
    most = sum(demand.nodes for demand in demands)
    taken = sum(demand.addresses for demand in demands)
    return GkeNetwork(
        nodes=Derived(cluster.nodes, f"it has room for the {most} nodes that all pools may have together"),
        pods=Derived(cluster.pods, f"{most} nodes take {taken:,} of its {ranges['pods'].num_addresses:,} addresses"),
        services=Derived(cluster.services, "one address for each Service"),
    ), ()


def _overlaps(at: Place, ranges: dict[str, IPv4Network]) -> Iterator[Finding]:
    for (one, first), (other, second) in combinations(ranges.items(), 2):
        if first.overlaps(second):
            yield Finding(
                rule=OVERLAPPING_RANGES,
                at=_field(at, other),
                what=f"{second} overlaps {first}, which is `{one}`.",
                fix=f"Write a network outside of {first}.",
            )


def _sizes(at: Place, ranges: dict[str, IPv4Network], demands: Sequence[NodeDemand]) -> Iterator[Finding]:
    most = sum(demand.nodes for demand in demands)
    taken = sum(demand.addresses for demand in demands)
    for name, need, what in (
        ("nodes", most + RESERVED_OF_A_SUBNET, f"{most} nodes and {RESERVED_OF_A_SUBNET} that Google keeps"),
        ("pods", taken, f"{most} nodes with a block of pods each"),
        ("services", 2 ** (32 - LEAST_SERVICES), "GKE's own Services with those of servers"),
    ):
        if ranges[name].num_addresses < need:
            prefix = 32 - ceil(log2(need))
            yield Finding(
                rule=RANGE_TOO_SMALL,
                at=_field(at, name),
                what=f"{ranges[name]} has {ranges[name].num_addresses:,} addresses, and {what} take {need:,}.",
                fix=f"Write a /{prefix} or larger, or lower the pools' nodes.max.",
            )


def _field(at: Place, name: str) -> Place:
    return Place(field=f"{at.field}.{name}")
