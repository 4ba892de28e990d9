"""What keeps an EKS cluster from being made or used as the settings ask, found before anything is paid for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from planning.catalogue.eks import SEEN, VERSIONS, VERSIONS_SOURCE
from planning.clusters.block import at
from planning.clusters.eks_network import LARGEST, Demand, PlannedNetwork, can_be_cut, overlap, smallest
from planning.findings import Finding, Rule, Severity, setting
from planning.pools import Pool
from planning.settings.cluster import Eks, OpenEndpoint
from planning.settings.root import Settings
from planning.wording import counted

NOT_OFFERED = Rule("TU930", Severity.ERROR, "EKS offers the cluster's Kubernetes version")
NOT_CUT = Rule("TU931", Severity.ERROR, "An EKS cluster's network can be cut over its zones")
NO_ADDRESSES = Rule("TU932", Severity.ERROR, "Every node and pod of an EKS cluster has an address")
OVERLAPPING = Rule("TU933", Severity.ERROR, "An EKS cluster's networks lie apart from each other")
OPEN_TO_ALL = Rule("TU934", Severity.ERROR, "A public control plane of EKS answers to named public networks alone")
NOBODY_NAMED = Rule("TU935", Severity.WARNING, "The administrators of an EKS cluster are named")
EXTENDED_SUPPORT = Rule("TU936", Severity.WARNING, "An EKS cluster's Kubernetes is in standard support")
KARPENTER_KEEPS_NONE = Rule("TU937", Severity.ERROR, "A spot pool that Karpenter fills begins with no nodes")
SHARES_UNKNOWN = Rule("TU938", Severity.WARNING, "Karpenter knows how many pods a GPU of its pools carries")

MOST_ALLOWED = 40
"""Networks that may call a public control plane (docs.aws.amazon.com/eks/latest/userguide/service-quotas.html)."""

_NOT_PUBLIC = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"))
)


def check_version(settings: Settings, cluster: Eks) -> Iterator[Finding]:
    offered = {version.minor: version for version in VERSIONS}
    place = at(settings, "kubernetes")
    standard = ", ".join(version.minor for version in VERSIONS if version.in_standard_support)
    version = offered.get(cluster.kubernetes)
    if version is None:
        yield Finding(
            rule=NOT_OFFERED,
            at=place,
            what=f"{cluster.kubernetes} is not a version that EKS is known to offer ({SEEN}: {VERSIONS_SOURCE}).",
            fix=f"Write one of: {standard}.",
        )
    elif version.in_standard_support:
        return
    elif cluster.support == "standard":
        yield Finding(
            rule=NOT_OFFERED,
            at=place,
            what=f"{cluster.kubernetes} has had no standard support since {version.standard_until}, and cluster.support"
            " asks for nothing longer.",
            fix=f"Write one of: {standard}.",
        )
    else:
        yield Finding(
            rule=EXTENDED_SUPPORT,
            at=place,
            what=f"{cluster.kubernetes} has had no standard support since {version.standard_until}: the control plane"
            " costs six times as much, and AWS upgrades it when extended support ends a year later.",
            fix=f"Write one of: {standard}, or accept this warning with a reason.",
        )


def check_endpoint(settings: Settings, cluster: Eks) -> Iterator[Finding]:
    if not isinstance(cluster.endpoint, OpenEndpoint):
        return
    if len(cluster.endpoint.allow) > MOST_ALLOWED:
        yield Finding(
            rule=OPEN_TO_ALL,
            at=at(settings, "endpoint.allow"),
            what=f"{len(cluster.endpoint.allow)} networks are more than the {MOST_ALLOWED} that EKS takes.",
            fix="Write fewer and larger networks, or `kind: private`.",
        )
    for index, cidr in enumerate(cluster.endpoint.allow):
        network = ipaddress.ip_network(cidr)
        place = at(settings, f"endpoint.allow[{index}]")
        if network.version == 6:
            yield Finding(
                rule=OPEN_TO_ALL,
                at=place,
                what=f"{cidr} is IPv6, and the public address of an IPv4 cluster has none.",
                fix="Write the IPv4 network that you call from.",
            )
        elif network.prefixlen < 8:
            yield Finding(
                rule=OPEN_TO_ALL,
                at=place,
                what=f"{cidr} lets {network.num_addresses:,} addresses call the control plane, most of them unknown.",
                fix="Write the networks that you call from, such as 203.0.113.0/24, or `kind: private`.",
            )
        elif any(overlap(cidr, str(private)) for private in _NOT_PUBLIC):
            yield Finding(
                rule=OPEN_TO_ALL,
                at=place,
                what=f"{cidr} is private, and nobody calls a public address from there: EKS refuses it.",
                fix="Write the public network that your calls come from; private ones go into cluster.reach.",
            )


def check_access(settings: Settings, cluster: Eks) -> Iterator[Finding]:
    if not any(grant.may == "administer" for grant in cluster.access):
        yield Finding(
            rule=NOBODY_NAMED,
            at=at(settings, "access"),
            what="names nobody who may administer the cluster, so that whoever creates it is its one administrator, and"
            " nobody else can get in.",
            fix="Write `access: [{principal: arn:aws:iam::123456789012:role/platform, may: administer}]` with the role"
            " that deploys, or accept this warning with a reason.",
        )


def check_networks(settings: Settings, cluster: Eks) -> Iterator[Finding]:
    zones = len(cluster.zones)
    if not can_be_cut(cluster.network, zones):
        yield Finding(
            rule=NOT_CUT,
            at=at(settings, "network"),
            what=f"{cluster.network} cannot be cut into subnets over {zones} zones.",
            fix=f"Write an IPv4 network of /{LARGEST} to /{smallest(zones)}, such as 10.40.0.0/{LARGEST}.",
        )
    if overlap(cluster.network, cluster.services):
        yield Finding(
            rule=OVERLAPPING,
            at=at(settings, "services"),
            what=f"{cluster.services} has addresses of cluster.network {cluster.network}.",
            fix=f"Write a network apart from it: {_apart(cluster.network)}.",
        )
    for index, cidr in enumerate(cluster.reach):
        # A company network may well contain the VPC's own: the VPC's route is the closer one. Inside it is a mistake.
        inner = ipaddress.ip_network(cidr)
        for own, named in ((cluster.network, "cluster.network"), (cluster.services, "cluster.services")):
            if inner.version == 4 and ipaddress.IPv4Network(cidr).subnet_of(ipaddress.IPv4Network(own)):
                yield Finding(
                    rule=OVERLAPPING,
                    at=at(settings, f"reach[{index}]"),
                    what=f"{cidr} lies inside {named} {own}, so that no answer finds its way there.",
                    fix="Write the network beyond the VPC that calls come from, or take it out.",
                )


def _apart(network: str) -> str:
    return next(cidr for cidr in ("172.20.0.0/16", "10.100.0.0/16") if not overlap(cidr, network))


def check_room(
    settings: Settings, cluster: Eks, network: PlannedNetwork, demands: Sequence[Demand]
) -> Iterator[Finding]:
    """All nodes in one zone: where the others have no machines to sell, that is where they come."""
    prefixes = sum(demand.prefixes for demand in demands)
    single = sum(demand.single_addresses for demand in demands)
    if prefixes <= network.prefixes_of_a_zone and single <= network.single_addresses_of_a_zone:
        return
    nodes = sum(demand.nodes.value for demand in demands)
    larger = (
        f"Write a larger network, up to /{LARGEST}, or lower nodes.max of pools."
        if ipaddress.ip_network(cluster.network).prefixlen > LARGEST
        else "Lower nodes.max of pools, or write fewer zones: a network cannot be larger."
    )
    yield Finding(
        rule=NO_ADDRESSES,
        at=at(settings, "network"),
        what=f"{cluster.network} leaves a zone {network.prefixes_of_a_zone:,} blocks of 16 addresses for pods and"
        f" {network.single_addresses_of_a_zone:,} single ones for nodes; the {nodes:,} nodes that there may be need"
        f" {prefixes:,} and {single:,} where they are all in one zone.",
        fix=larger,
    )


def check_minimums(pools: Sequence[Pool]) -> Iterator[Finding]:
    for pool in pools:
        if pool.capacity == "spot" and pool.min_nodes:
            yield Finding(
                rule=KARPENTER_KEEPS_NONE,
                at=setting(f"gpu_pools.{pool.name}.nodes.min"),
                what=f"{pool.min_nodes} nodes would have to stand without pods, and Karpenter buys for pods that wait.",
                fix="Write 0: pods of the spot lane keep their nodes.",
            )


def check_shares(pools: Sequence[Pool]) -> Iterator[Finding]:
    """Karpenter takes a machine's GPUs from EC2, and learns of shares from a node that is there already
    (aws/karpenter-provider-aws 1d92708 pkg/providers/instancetype/types.go, nvidiaGPUs)."""
    for pool in pools:
        if pool.slots > pool.gpus_per_node:
            yield Finding(
                rule=SHARES_UNKNOWN,
                at=setting(f"gpu_pools.{pool.name}.sharing"),
                what=f"{pool.slots} pods share the {counted(pool.gpus_per_node, 'GPU')} of a node, which Karpenter does"
                f" not know beforehand: for {pool.slots} pods that wait it buys"
                f" {-(-pool.slots // pool.gpus_per_node)} nodes, and takes the empty ones back later.",
                fix="Use whole GPUs, or accept this warning with a reason.",
            )
