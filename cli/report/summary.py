"""The report's beginning: what will exist and what it costs, in one paragraph and a few figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from cli.report.clusters import cluster_costs
from cli.report.document import Fact, Facts, Paragraph, Section
from cli.report.values import cost, count, counted_span, names, span
from planning.cost import HOURS_PER_MONTH, PoolCost
from planning.plan import Plan
from planning.settings.cluster import Eks, Existing, Gke, Local, Reference
from planning.wording import counted, listed

NOT_COUNTED = (
    "Prices are before discount and tax; the control plane, other nodes, load balancers, storage and traffic are not in"
    " them."
)

NOT_COUNTED_OF_OURS = (
    "Prices are before discount and tax; disks, load balancers, storage, logs and traffic are not in them."
)


def summary_section(stack: str, plan: Plan, verdict: str) -> Section:
    return Section(
        key="summary",
        title="Summary",
        blocks=(
            Paragraph(text=" ".join((_exists(stack, plan), _costs(plan)))),
            Paragraph(text=verdict),
            Facts(facts=(*_figures(plan), *_money(plan.cost)), look="headline"),
        ),
    )


def cluster_name(plan: Plan) -> str:
    """Whose cluster, and where."""
    match plan.settings.cluster:
        case Gke() | Eks() as cluster:
            return f"{cluster.kind.upper()} in {cluster.region}"
        case Reference(stack=stack, cluster=cluster):
            return f"the {cluster.kind.upper()} cluster in {cluster.region} that stack {stack} made"
        case Existing(platform="other"):
            return "a cluster that is already there"
        case Existing(platform=platform):
            return f"a {platform.upper()} cluster that is already there"
        case Local():
            return "this machine"


def _exists(stack: str, plan: Plan) -> str:
    servers = [server.name for server in plan.servers]
    missing = [name for name in plan.settings.servers if name not in servers]
    lanes = [lane.lane for server in plan.servers for lane in server.lanes]
    least, most = sum(lane.minimum.value for lane in lanes), sum(lane.maximum.value for lane in lanes)
    where = f"in namespace {plan.namespace} on {cluster_name(plan)}"
    unplanned = f" Not planned, because of errors: {listed(missing)}." if missing else ""
    if not servers:
        return f"Stack {stack} would run {where}, and none of its servers could be planned.{unplanned}"
    pods = f"{counted_span(least, most, 'pod')} in {counted(len(lanes), 'lane')}"
    runs = "would run" if missing else "runs"
    text = f"Stack {stack} {runs} {counted(len(servers), 'server')} ({listed(servers)}) {where}: {pods}"
    return f"{text}, {_nodes(plan)}.{unplanned}"


def _nodes(plan: Plan) -> str:
    if not plan.pools:
        return "without GPUs"
    costs = plan.cost
    rest, most = sum(pool.nodes.at_rest.value for pool in costs), sum(pool.pool.max_nodes for pool in costs)
    return f"on {counted_span(rest, most, 'GPU node')} of {counted(len(costs), 'pool')}"


def _costs(plan: Plan) -> str:
    costs = plan.cost
    if not costs:
        return " ".join(("There is no GPU node to pay for.", *_of_cluster(plan)))
    priced = [(pool, pool.price) for pool in costs if pool.price is not None]
    sentences: list[str] = []
    if priced:
        pools = listed([pool.pool.name for pool, _ in priced])
        rest = cost(total(pool.at_rest for pool, _ in priced), HOURS_PER_MONTH).text
        most = cost(total(pool.at_most for pool, _ in priced), HOURS_PER_MONTH).text
        days = listed(sorted({f"{price.region} on {price.seen}" for _, price in priced}))
        sentences.append(f"The nodes of {pools} cost {rest} at rest and {most} at most, at the prices of {days}.")
    if unpriced := [pool for pool in costs if pool.price is None]:
        sentences.append(f"Price unknown: {listed([_unpriced(pool) for pool in unpriced])}.")
    return " ".join((*sentences, *(_of_cluster(plan) or (NOT_COUNTED,))))


def _of_cluster(plan: Plan) -> tuple[str, ...]:
    """What is paid beside GPU nodes, where the stack makes the cluster; nothing where it does not."""
    costs = cluster_costs(plan)
    if costs is None:
        return ()
    rest, most = (cost(hour, HOURS_PER_MONTH).text for hour in costs)
    return (f"The cluster beside them costs {rest} at rest and {most} at most.", NOT_COUNTED_OF_OURS)


def _unpriced(costs: PoolCost) -> str:
    region = f" in {costs.region}" if costs.region else ""
    nodes = counted_span(costs.nodes.at_rest.value, costs.pool.max_nodes, "node")
    return f"{costs.pool.name}{region} ({nodes})"


def _figures(plan: Plan) -> tuple[Fact, ...]:
    lanes = [lane.lane for server in plan.servers for lane in server.lanes]
    least, most = sum(lane.minimum.value for lane in lanes), sum(lane.maximum.value for lane in lanes)
    costs = plan.cost
    nodes = span(sum(pool.nodes.at_rest.value for pool in costs), sum(pool.pool.max_nodes for pool in costs))
    bounds = [f"{pool.pool.name} {span(pool.nodes.at_rest.value, pool.pool.max_nodes).text}" for pool in costs]
    servers = [server.name for server in plan.servers]
    return (
        Fact("servers", "Servers", count(len(servers)), listed(servers) or "none could be planned"),
        Fact("pods", "Pods", span(least, most), f"the bounds of {counted(len(lanes), 'lane')}"),
        Fact("gpu_nodes", "GPU nodes", nodes, listed(bounds) or "there is no pool"),
    )


def _money(costs: Sequence[PoolCost]) -> tuple[Fact, ...]:
    """The sums of the prices that are known, and plainly which are not."""
    priced = [pool for pool in costs if pool.price is not None]
    unpriced = [pool.pool.name for pool in costs if pool.price is None]
    known = bool(priced) or not costs
    rest, most = total(pool.at_rest for pool in priced), total(pool.at_most for pool in priced)
    if not costs:
        why, why_not = "there is no pool", "there is no pool"
    elif not unpriced:
        why, why_not = "all pools", "every pool has a dated price"
    else:
        why = f"{listed([pool.pool.name for pool in priced])} alone" if priced else "no price is known"
        why_not = "the catalogue has no dated price"
    return (
        Fact("known_cost_at_rest", "Cost at rest", cost(rest if known else None, HOURS_PER_MONTH), why),
        Fact("known_cost_at_most", "Cost at most", cost(most if known else None, HOURS_PER_MONTH), why),
        Fact("unpriced_pools", "Price unknown", names(unpriced), why_not),
    )


def total(hours: Iterable[Decimal | None]) -> Decimal:
    """Of those that are known."""
    return sum((hour for hour in hours if hour is not None), Decimal(0))
