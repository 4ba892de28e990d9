"""An EKS cluster that the stack makes: how it is reached, cut, kept and paid for, and who makes which nodes."""

from __future__ import annotations

from cli.report.document import Column, Fact, Facts, Section, Table
from cli.report.quotas import quotas_table
from cli.report.values import Value, code, cost, count, names, span, words
from planning.catalogue.eks import PRICED_REGION
from planning.clusters.eks import Karpenter, PlannedEks
from planning.cost import HOURS_PER_MONTH
from planning.karpenter import KarpenterThere
from planning.settings.cluster import OpenEndpoint
from planning.wording import counted, listed

COSTS = (
    Column("what", "What"),
    Column("count", "How many"),
    Column("at_rest", "At rest"),
    Column("source", "Source"),
)
GROUPS = (
    Column("pool", "Pool"),
    Column("machines", "Machines, in turn"),
    Column("nodes", "Nodes"),
    Column("disk", "Disk"),
    Column("pods", "Pods of a node"),
    Column("why", "Why so many"),
)
BOUGHT = (
    Column("pool", "NodePool"),
    Column("capacity", "Capacity"),
    Column("machines", "Machines, any"),
    Column("gpus", "GPUs at most"),
    Column("drain", "A drain may take"),
    Column("moves", "Moved when"),
    Column("why", "Why so many"),
)


def eks_section(eks: PlannedEks, karpenter: KarpenterThere | None) -> Section:
    bought = eks.scaler.pools if isinstance(eks.scaler, Karpenter) else ()
    groups = Table(key="node_groups", columns=GROUPS, rows=tuple(_groups(eks)))
    costs = Table(key="costs", columns=COSTS, rows=tuple(_costs(eks)))
    pools = Table(
        key="karpenter_pools",
        columns=BOUGHT,
        rows=tuple(
            (
                words(pool.name),
                words(pool.capacity),
                names(pool.machines.value),
                count(pool.gpus.value),
                words(f"{pool.grace_s.value} s"),
                words("empty" if pool.consolidation.value == "WhenEmpty" else "empty or cheaper elsewhere"),
                words(pool.gpus.because),
            )
            for pool in bought
        ),
    )
    return Section(
        key="cluster",
        title="Cluster",
        blocks=(
            Facts(facts=(*_facts(eks), *_karpenter(karpenter))),
            groups,
            *((pools,) if bought else ()),
            costs,
            quotas_table(eks.quotas),
        ),
    )


def _facts(eks: PlannedEks) -> list[Fact]:
    endpoint = eks.endpoint
    reached = (
        f"on a public address, from {listed(endpoint.allow)}, and inside its own network"
        if isinstance(endpoint, OpenEndpoint)
        else "inside its own network"
    )
    beyond = f", and from {listed(eks.reach)}" if eks.reach else ""
    network = eks.network
    administrators = [grant.principal for grant in eks.access if grant.may == "administer"]
    return [
        Fact("name", "Name", code(eks.name.value), eks.name.because),
        Fact("kubernetes", "Kubernetes", words(f"{eks.kubernetes}, {eks.support} support"), "the stack file says so"),
        Fact("access", "Control plane answers", words(reached + beyond), "cluster.endpoint and cluster.reach say so"),
        Fact(
            "administrators",
            "Administrators",
            words(listed(administrators) if administrators else "whoever creates it"),
            eks.creator_administers.because,
        ),
        Fact("network", "Subnets", words(network.sizes.value), network.sizes.because),
        Fact("nat", "NAT gateways", count(network.nat.value), network.nat.because),
        Fact(
            "endpoints",
            "Interface endpoints",
            words(listed([each.value for each in network.interfaces])),
            "private nodes go there every day",
        ),
        Fact(
            "add_ons",
            "Add-ons",
            words(listed([f"{each.name} {each.version or '(default)'}" for each in eks.add_ons])),
            "cluster.add_ons holds versions; of the others AWS's default is taken at preview",
        ),
        Fact(
            "deletion",
            "Deletion",
            words("refused" if eks.deletion_protected else "allowed"),
            "cluster.deletion says so",
        ),
    ]


def _karpenter(there: KarpenterThere | None) -> list[Fact]:
    if there is None:
        return []
    if there.installed is None:
        return [Fact("karpenter", "Karpenter", words("yours"), "controllers.karpenter says that it is there")]
    version, replicas = there.installed.image.value.tag, there.installed.replicas
    said = f"{version}, {counted(replicas.value, 'pod')} on the system nodes"
    return [Fact("karpenter", "Karpenter", words(said), f"controllers.karpenter says so; {replicas.because}")]


def _groups(eks: PlannedEks) -> list[tuple[Value, ...]]:
    return [
        (
            words(group.name),
            names(group.machines.value),
            span(group.minimum.value, group.maximum.value),
            words(f"{group.root_gib.value} GiB gp3"),
            count(group.max_pods.value),
            words(group.minimum.because),
        )
        for group in (eks.system, *eks.groups)
    ]


def _costs(eks: PlannedEks) -> list[tuple[Value, ...]]:
    return [
        (
            words(line.what),
            count(line.count),
            cost(line.usd_per_hour, HOURS_PER_MONTH),
            words(line.source if line.usd_per_hour is not None else f"prices are known of {PRICED_REGION} alone"),
        )
        for line in eks.costs
    ]
