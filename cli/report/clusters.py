"""The cluster that the stack makes: how it is reached, kept and paid for, and what its project must be granted."""

from __future__ import annotations

from decimal import Decimal

from cli.report.document import Column, Fact, Facts, Section, Table
from cli.report.eks_cluster import eks_section
from cli.report.quotas import quotas_table
from cli.report.values import Value, code, cost, names, price_per_hour, span, words
from planning.clusters.eks import PlannedEks
from planning.clusters.gke import ByAddress, ByName, Inside, PlannedGke
from planning.clusters.gke_pools import BlueGreen, NodePoolPlan, ShortLived, Surge
from planning.cost import HOURS_PER_MONTH
from planning.plan import Plan
from planning.settings.gke import GivenKey
from planning.wording import counted, listed

COSTS = (
    Column("what", "What"),
    Column("price", "Price of one an hour"),
    Column("at_rest", "At rest"),
    Column("at_most", "At most"),
    Column("seen_on", "Seen on"),
    Column("source", "Source"),
)
MADE_POOLS = (
    Column("pool", "Pool"),
    Column("machine", "Machine"),
    Column("zones", "Zones"),
    Column("nodes", "Nodes"),
    Column("spread", "New nodes go"),
    Column("driver", "Driver"),
    Column("upgrade", "Upgrade"),
    Column("disk", "Disk"),
)


def cluster_section(plan: Plan) -> Section | None:
    """None where the stack makes none, or its errors keep it from being planned."""
    match plan.made:
        case PlannedGke() as gke:
            return _gke(gke)
        case PlannedEks() as eks:
            return eks_section(eks, plan.karpenter)
        case None:
            return None


def cluster_costs(plan: Plan) -> tuple[Decimal, Decimal] | None:
    """What the cluster costs an hour beside its GPU nodes, at rest and at most, as far as prices are known."""
    if plan.made is None:
        return None
    if isinstance(plan.made, PlannedEks):
        rest = sum((line.usd_per_hour or Decimal(0) for line in plan.made.costs), Decimal(0))
        return rest, sum((line.usd_at_most or Decimal(0) for line in plan.made.costs), Decimal(0))
    costs = plan.made.costs
    rest = sum((line.at_rest.value or Decimal(0) for line in costs), Decimal(0))
    most = sum((line.at_most.value or Decimal(0) for line in costs), Decimal(0))
    return rest, most


def _gke(gke: PlannedGke) -> Section:
    return Section(
        key="cluster",
        title="Cluster",
        blocks=(
            Facts(facts=(*_place(gke), *_network(gke), *_keeping(gke))),
            Table(key="node_pools", columns=MADE_POOLS, rows=tuple(_pool(pool) for pool in (gke.system, *gke.pools))),
            Table(key="costs", columns=COSTS, rows=_costs(gke)),
            quotas_table(gke.quotas),
        ),
    )


def _place(gke: PlannedGke) -> tuple[Fact, ...]:
    match gke.access.value:
        case ByName():
            access = "by its DNS name, by IAM"
        case ByAddress(networks=networks):
            access = f"on its public address, from {listed(networks)}"
        case Inside():
            access = "on its private address, from its own network"
    return (
        Fact("project", "Project", code(gke.project), "cluster.project says so"),
        Fact("zones", "Zones of nodes", names(gke.zones.value), gke.zones.because),
        Fact("kubernetes", "Kubernetes", words(gke.kubernetes.value), gke.kubernetes.because),
        Fact("release_channel", "Release channel", words(gke.channel.value), gke.channel.because),
        Fact("access", "Control plane answers", words(access), gke.access.because),
    )


def _network(gke: PlannedGke) -> tuple[Fact, ...]:
    ranges = gke.network
    return (
        Fact("nodes_range", "Addresses of nodes", code(ranges.nodes.value), ranges.nodes.because),
        Fact("pods_range", "Addresses of pods", code(ranges.pods.value), ranges.pods.because),
        Fact("services_range", "Addresses of Services", code(ranges.services.value), ranges.services.because),
    )


def _keeping(gke: PlannedGke) -> tuple[Fact, ...]:
    key = gke.key.value
    named = key.key if isinstance(key, GivenKey) else "made here" if key == "made" else "Google's own"
    window = gke.window.value
    excluded = f", but for {counted(len(window.exclusions), 'exclusion')}" if window.exclusions else ""
    upgrades = f"{window.start[11:16]} to {window.end[11:16]} UTC, {window.recurrence.rpartition('=')[2]}{excluded}"
    switches = (
        ("deletion_protection", "Deletion protection", gke.deletion_protection),
        ("binary_authorization", "Binary Authorization", gke.binary_authorization),
        ("image_streaming", "Image streaming", gke.image_streaming),
        ("managed_prometheus", "Managed Prometheus", gke.managed_prometheus),
    )
    return (
        Fact("encryption_key", "Key of secrets and disks", words(named), gke.key.because),
        Fact("maintenance", "Upgrades happen", words(upgrades), gke.window.because),
        *(
            Fact(name, label, words("on" if chosen.value else "off"), chosen.because)
            for name, label, chosen in switches
        ),
        *(
            Fact(f"node_role_{index}", "Role of nodes", code(role.value), role.because)
            for index, role in enumerate(gke.node_roles, start=1)
        ),
    )


def _pool(pool: NodePoolPlan) -> tuple[Value, ...]:
    match pool.upgrade.value:
        case Surge(more=more, fewer=fewer):
            upgrade = f"{more} more, {fewer} fewer"
        case BlueGreen():
            upgrade = "all anew, then all old go"
        case ShortLived():
            upgrade = "each ends by itself"
    return (
        words(pool.name),
        code(pool.machine.value),
        names(pool.zones.value),
        span(pool.min_nodes, pool.max_nodes),
        words(pool.location_policy.value),
        words(pool.accelerator.driver.value if pool.accelerator else "none"),
        words(upgrade),
        words(f"{pool.disk_gib.value} GiB {pool.disk_type.value}"),
    )


def _costs(gke: PlannedGke) -> tuple[tuple[Value, ...], ...]:
    return tuple(
        (
            words(line.what),
            price_per_hour(line.fee.usd_per_hour if line.fee else None),
            cost(line.at_rest.value, HOURS_PER_MONTH),
            cost(line.at_most.value, HOURS_PER_MONTH),
            words(line.fee.seen if line.fee else None),
            words(line.fee.source if line.fee else "the catalogue has no dated price of it"),
        )
        for line in gke.costs
    )
