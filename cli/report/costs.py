"""What the GPU nodes cost, at rest and at most, from the plan's dated prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from cli.report.nodes import PoolNodes, nodes_of
from planning.catalogue.prices import Price
from planning.plan import Plan
from planning.pools import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCosts:
    """One pool's nodes, and their price in `region`: None where the catalogue has none, and where the nodes are
    not of a cloud that it knows."""

    pool: Pool
    nodes: PoolNodes
    region: str | None
    price: Price | None

    @property
    def at_rest(self) -> Decimal | None:
        """US dollars an hour of the nodes that always run."""
        return self._of(self.nodes.at_rest.value)

    @property
    def at_most(self) -> Decimal | None:
        """US dollars an hour of all nodes that the pool may have."""
        return self._of(self.pool.max_nodes)

    def _of(self, nodes: int) -> Decimal | None:
        if nodes == 0:
            return Decimal(0)
        return self.price.usd_per_hour * nodes if self.price is not None else None


def costs_of(plan: Plan) -> tuple[PoolCosts, ...]:
    """In the order of the stack file."""
    nodes = nodes_of(plan)
    planned = {cost.pool: cost for cost in plan.cost}
    return tuple(
        PoolCosts(
            pool=pool,
            nodes=nodes[pool.name],
            region=planned[pool.name].region if pool.name in planned else None,
            price=planned[pool.name].price if pool.name in planned else None,
        )
        for pool in plan.pools
    )


def total(hours: Iterable[Decimal | None]) -> Decimal:
    """Of those that are known."""
    return sum((hour for hour in hours if hour is not None), Decimal(0))
