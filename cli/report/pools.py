"""The pools of GPU nodes: what each node is, how many there are, and what they cost."""

from __future__ import annotations

from cli.report.document import Column, Fact, Facts, Paragraph, Section, Table
from cli.report.values import (
    Value,
    absent,
    code,
    cores,
    cost,
    count,
    names,
    price_per_hour,
    resources,
    seconds,
    size,
    span,
    words,
)
from planning.cost import HOURS_PER_MONTH, PoolCost
from planning.driver_canary import how_a_driver_comes
from planning.gpu_health import when_a_gpu_fails
from planning.plan import Plan
from planning.pool_machines import NODE_AGENTS
from planning.pools import Pool
from planning.settings.quantities import Cpu, Memory
from planning.wording import counted

OVERVIEW = (
    Column("pool", "Pool"),
    Column("capacity", "Capacity"),
    Column("machine", "Machine"),
    Column("gpu", "GPUs"),
    Column("at_rest", "At rest"),
    Column("nodes", "Allowed"),
    Column("notice", "Notice"),
    Column("price", "Node-hour"),
)


def pools_section(plan: Plan) -> Section:
    """What every pool of `plan` is."""
    if not plan.pools:
        none = "No pool could be planned." if plan.settings.gpu_pools else "The stack asks for no GPU nodes."
        return Section(key="pools", title="GPU pools", blocks=(Paragraph(text=none),))
    pools = plan.cost
    return Section(
        key="pools",
        title="GPU pools",
        blocks=(Table(key=None, columns=OVERVIEW, rows=tuple(_row(costs) for costs in pools)),),
        sections=tuple(
            Section(
                key=costs.pool.name,
                title=f"Pool {costs.pool.name}",
                blocks=(
                    Facts(
                        facts=(
                            *_node(costs.pool),
                            *_gpus(costs.pool),
                            _failing(plan, costs.pool),
                            _driver(plan, costs.pool),
                            *_number(costs),
                            *_cost(costs),
                        )
                    ),
                ),
            )
            for costs in pools
        ),
    )


def _row(costs: PoolCost) -> tuple[Value, ...]:
    pool = costs.pool
    return (
        words(pool.name),
        words(pool.capacity),
        _machine(pool),
        words(f"{pool.gpus_per_node} x {pool.gpu.kind}"),
        count(costs.nodes.at_rest.value),
        span(pool.min_nodes, pool.max_nodes),
        _notice(pool),
        price_per_hour(costs.price.usd_per_hour if costs.price else None),
    )


def _machine(pool: Pool) -> Value:
    return code(pool.machine.value.name) if pool.machine is not None else absent(text="already there")


def _notice(pool: Pool) -> Value:
    return seconds(pool.notice.seconds) if pool.notice is not None else absent("seconds", "none")


def _node(pool: Pool) -> tuple[Fact, ...]:
    stated = f"cluster.pools.{pool.name}"
    capacity = Fact("capacity", "Capacity", words(pool.capacity), f"gpu_pools.{pool.name}.capacity says so")
    zones = Fact("zones", "Zones", names(pool.zones, none="not stated"), "the cluster's nodes may be in these")
    carries = Fact(
        "labels",
        "Node labels",
        names([f"{key}={value}" for key, value in sorted(pool.labels.items())]),
        "pods are placed by them; an autoscaler knows them before the node is there",
    )
    taints = Fact(
        "taints",
        "Node taints",
        names([f"{taint.key}={taint.value}:{taint.effect}" for taint in pool.taints_at_first]),
        _why_taints(pool, stated),
    )
    if pool.machine is None:
        return (
            capacity,
            Fact("machine", "Machine", _machine(pool), f"{stated} describes nodes that somebody else made"),
            _room(pool, f"{stated} says so", f"{stated} does not say it: whether pods fit is not checked"),
            zones,
            carries,
            taints,
            *_of_class(pool),
        )
    machine = pool.machine.value
    whole = resources(Cpu(machine.vcpus * 1000), Memory(machine.memory_bytes))
    kept = f"{cores(NODE_AGENTS[0]).text} CPU and {size(NODE_AGENTS[1]).text}"
    return (
        capacity,
        Fact("machine", "Machine", _machine(pool), pool.machine.because),
        Fact("machine_size", "Its size", whole, "as the catalogue has it"),
        _room(pool, f"less what the cloud reserves, and {kept} for the node's own agents", "it is not known"),
        zones,
        carries,
        taints,
        *_of_class(pool),
    )


def _of_class(pool: Pool) -> tuple[Fact, ...]:
    if pool.compute_class is None:
        return ()
    why = (
        "its rules name spot nodes first and what stands in for them next; pods return when there is spot again"
        if pool.machine is not None
        else f"cluster.pools.{pool.name}.labels says so"
    )
    return (Fact("compute_class", "ComputeClass", code(pool.compute_class), why),)


def _why_taints(pool: Pool, stated: str) -> str:
    why = "they keep pods away that need no GPU" if pool.taints else f"{stated} states none"
    return f"{why}; the start-up taint goes when all GPUs can be allocated" if pool.startup_taint else why


def _room(pool: Pool, why: str, why_not: str) -> Fact:
    value = resources(*pool.room) if pool.room else absent()
    return Fact("room", "Left for pods", value, why if pool.room else why_not)


def _gpus(pool: Pool) -> tuple[Fact, ...]:
    name, gpu = pool.name, pool.gpu
    capability = ".".join(map(str, gpu.compute_capability))
    shared = "each GPU serves one pod" if pool.slots == pool.gpus_per_node else f"gpu_pools.{name}.sharing says so"
    return (
        Fact("gpu", "GPU", words(gpu.kind), f"gpu_pools.{name}.gpu says so"),
        Fact("gpu_architecture", "Its architecture", words(gpu.architecture.value), f"compute capability {capability}"),
        Fact("gpus", "GPUs of a node", count(pool.gpus_per_node), f"gpu_pools.{name}.gpus_per_node says so"),
        Fact("shares", "Shares of a node", count(pool.slots), shared),
        Fact("share", "GPU memory of a share", size(pool.share_bytes.value), pool.share_bytes.because),
    )


def _driver(plan: Plan, pool: Pool) -> Fact:
    comes = how_a_driver_comes(plan.settings, pool.name)
    return Fact("driver", "Its driver comes", words(comes.value), comes.because)


def _failing(plan: Plan, pool: Pool) -> Fact:
    happens = when_a_gpu_fails(plan.settings, pool.name)
    return Fact("failed_gpu", "When a GPU fails", words(happens.value), happens.because)


def _number(costs: PoolCost) -> tuple[Fact, ...]:
    pool, nodes = costs.pool, costs.nodes
    stays = "on-demand nodes are not reclaimed" if pool.capacity == "on-demand" else "its nodes are said to stay"
    return (
        Fact("nodes", "Nodes allowed", span(pool.min_nodes, pool.max_nodes), f"gpu_pools.{pool.name}.nodes says so"),
        Fact("nodes_at_rest", "Nodes at rest", count(nodes.at_rest.value), nodes.at_rest.because),
        Fact("nodes_at_ceilings", "Nodes at all ceilings", count(nodes.at_ceilings.value), nodes.at_ceilings.because),
        Fact("notice", "Notice before a reclaim", _notice(pool), pool.notice.source if pool.notice else stays),
        Fact("boot", "A new node boots in", seconds(pool.boot_seconds.value), pool.boot_seconds.because),
    )


def _cost(costs: PoolCost) -> tuple[Fact, ...]:
    price, region = costs.price, costs.region
    rest = f"{counted(costs.nodes.at_rest.value, 'node')} at rest"
    most = f"gpu_pools.{costs.pool.name}.nodes.max is {costs.pool.max_nodes}"
    if price is None:
        why = f"the catalogue has no dated price of it in {region}" if region else "its nodes are not made here"
        rest, most = f"{rest}; {why}", f"{most}; {why}"
    else:
        moves = "; a spot price is that day's and moves" if price.capacity == "spot" else ""
        why = f"in {price.region}, before discount and tax{moves}"
    hour = price_per_hour(price.usd_per_hour if price else None)
    return (
        Fact("price_of_a_node_hour", "Price of a node-hour", hour, why),
        Fact("price_seen_on", "Seen on", words(price.seen if price else None), price.source if price else why),
        Fact("cost_at_rest", "Cost at rest", cost(costs.at_rest, HOURS_PER_MONTH), rest),
        Fact("cost_at_most", "Cost at most", cost(costs.at_most, HOURS_PER_MONTH), most),
    )
