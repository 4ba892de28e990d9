"""The VPC of an EKS cluster: how its network is cut, and whether every node and pod gets an address.

Three kinds of subnet, one of each in every zone. Private ones hold nodes and pods and reach the internet through the
NAT gateway of their own zone. Public ones hold the NAT gateways and load balancers that face the internet. Inner ones
hold the control plane's network interfaces and the interface endpoints, and have no way out at all: they are small and
of their own, so that pods cannot use up the addresses that an upgrade of the control plane needs
(docs.aws.amazon.com/eks/latest/best-practices/subnets.html; EKS wants 6 free addresses and advises 16, userguide
network-reqs.html).

Pods have addresses of the VPC. With prefix delegation they come in blocks of 16 (/28), which must be whole: the upper
half of each private subnet is reserved for blocks, so that nodes' single addresses do not break them up
(docs.aws.amazon.com/eks/latest/userguide/cni-increase-ip-addresses.html, "subnet CIDR reservation").
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planning.derived import Derived

PREFIX_ADDRESSES = 16
"""Addresses that EC2 delegates to a network interface at once: a /28."""

AWS_KEEPS = 5
"""Addresses of every subnet that AWS keeps: the first four and the last
(docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html)."""

WARM_PREFIXES = 1
"""Prefixes beyond those in use that the CNI holds on each node (WARM_PREFIX_TARGET's default, aws/amazon-vpc-cni-k8s
docs/prefix-and-ip-target.md)."""

INTERFACES_OF_A_NODE = 2
"""Network interfaces with an address of their own that a node is counted with: the first, and one more that the CNI
attaches when the first is full."""

LARGEST = 16
"""Prefix length of the largest network that a VPC can have
(docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html)."""

ROOM_FOR_ZONES = 4
"""Public and inner subnets are cut for so many zones at the least, so that one can be added."""

SMALLEST_INNER = 27
"""Prefix length of the smallest inner subnet: 27 addresses are left of a /27, of which the control plane wants 16 and
the interface endpoints up to 9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSubnet:
    zone: str
    cidr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPrivateSubnet:
    """`prefixes` is the part of it that is reserved for whole blocks."""

    zone: str
    cidr: str
    prefixes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Nodes of one kind at the most, and pods that each may have."""

    name: str
    nodes: Derived[int]
    max_pods: int

    @property
    def prefixes(self) -> int:
        return self.nodes.value * (-(-self.max_pods // PREFIX_ADDRESSES) + WARM_PREFIXES)

    @property
    def single_addresses(self) -> int:
        return self.nodes.value * INTERFACES_OF_A_NODE


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNetwork:
    """`interfaces` are the services of AWS that have an address in the inner subnets, each with what needs it."""

    cidr: str
    private: tuple[PlannedPrivateSubnet, ...]
    public: tuple[PlannedSubnet, ...]
    inner: tuple[PlannedSubnet, ...]
    nat: Derived[int]
    interfaces: tuple[Derived[str], ...]
    sizes: Derived[str]

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(subnet.zone for subnet in self.private)

    @property
    def prefixes_of_a_zone(self) -> int:
        return min(ipaddress.ip_network(subnet.prefixes).num_addresses for subnet in self.private) // PREFIX_ADDRESSES

    @property
    def single_addresses_of_a_zone(self) -> int:
        sizes = (
            ipaddress.ip_network(subnet.cidr).num_addresses - ipaddress.ip_network(subnet.prefixes).num_addresses
            for subnet in self.private
        )
        return min(sizes) - AWS_KEEPS


INTERFACES = (
    Derived("ecr.api", "nodes ask it for leave to pull images"),
    Derived("ecr.dkr", "nodes pull AWS's own images there"),
    Derived("ec2", "the CNI, the storage driver and Karpenter ask EC2"),
    Derived("eks", "nodes ask for the cluster's address and certificate"),
    Derived("eks-auth", "the Pod Identity agent fetches credentials there"),
    Derived("sts", "Triton proves there who it is before it reads its models (IRSA)"),
    Derived("logs", "the network's flow logs and agents write there"),
)
"""Where private nodes go every day, kept off the internet and off the NAT gateways
(docs.aws.amazon.com/eks/latest/userguide/private-clusters.html)."""

INTERFACES_OF_KARPENTER = (
    Derived("sqs", "Karpenter reads notices of spot reclaims there, and must do so within seconds"),
    Derived("ssm", "Karpenter looks up the node image there"),
)
"""karpenter.sh/docs/getting-started/getting-started-with-karpenter, "Private Clusters"."""

INTERFACES_OF_CLUSTER_AUTOSCALER = (Derived("autoscaling", "the Cluster Autoscaler sets the sizes of groups there"),)


def smallest(zones: int) -> int:
    """Prefix length of the smallest network that can be cut over so many zones."""
    return SMALLEST_INNER - _halvings(zones + 1) - 1 - _halvings(max(zones, ROOM_FOR_ZONES))


def can_be_cut(cidr: str, zones: int) -> bool:
    network = ipaddress.ip_network(cidr)
    return isinstance(network, ipaddress.IPv4Network) and LARGEST <= network.prefixlen <= smallest(zones)


def plan_network(cidr: str, zones: Sequence[str], interfaces: Sequence[Derived[str]]) -> PlannedNetwork:
    """Cut `cidr`, for which `can_be_cut` holds, over `zones`.

    The network is halved until there is a part for each zone and one more. A part is a zone's private subnet; the
    first half of the last part is cut into public subnets, the second into inner ones. Where a part stays over, a zone
    that is added later gets it, and nothing that is there moves.
    """
    network = ipaddress.ip_network(cidr)
    parts = list(network.subnets(prefixlen_diff=_halvings(len(zones) + 1)))
    public, inner = parts[-1].subnets(prefixlen_diff=1)
    small = _halvings(max(len(zones), ROOM_FOR_ZONES))
    return PlannedNetwork(
        cidr=cidr,
        private=tuple(_private(zone, str(part)) for zone, part in zip(zones, parts, strict=False)),
        public=tuple(_cut(zones, str(public), small)),
        inner=tuple(_cut(zones, str(inner), small)),
        nat=Derived(len(zones), "a zone's way out does not depend on another zone, and no traffic crosses zones"),
        interfaces=tuple(interfaces),
        sizes=Derived(
            f"/{parts[0].prefixlen} private, /{public.prefixlen + small} public and inner",
            f"{cidr} is cut into {len(parts)} parts: one a zone for nodes and pods, and the last for everything else",
        ),
    )


def _halvings(parts: int) -> int:
    return (parts - 1).bit_length()


def _private(zone: str, cidr: str) -> PlannedPrivateSubnet:
    _, upper = ipaddress.ip_network(cidr).subnets(prefixlen_diff=1)
    return PlannedPrivateSubnet(zone=zone, cidr=cidr, prefixes=str(upper))


def _cut(zones: Sequence[str], cidr: str, halvings: int) -> Iterator[PlannedSubnet]:
    parts = ipaddress.ip_network(cidr).subnets(prefixlen_diff=halvings)
    return (PlannedSubnet(zone=zone, cidr=str(part)) for zone, part in zip(zones, parts, strict=False))


def overlap(one: str, other: str) -> bool:
    first, second = ipaddress.ip_network(one), ipaddress.ip_network(other)
    return first.version == second.version and first.overlaps(second)
