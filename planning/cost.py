"""What the GPU nodes cost for one hour, from the catalogue's dated prices. Never fetched at preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from planning.catalogue import Catalogue
from planning.catalogue.prices import Price
from planning.nodes import PoolNodes, plan_nodes
from planning.pools import Pool
from planning.server import PlannedServer

HOURS_PER_MONTH = 730
"""365 days of 24 hours in 12 months, as both clouds' calculators reckon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCost:
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


def plan_cost(
    pools: Sequence[Pool], servers: Sequence[PlannedServer], region: str | None, catalogue: Catalogue
) -> tuple[PoolCost, ...]:
    """Of every pool, in the order of the stack file. `region` is None where the nodes are not made here."""
    nodes = plan_nodes(pools, servers)
    return tuple(
        PoolCost(
            pool=pool,
            nodes=nodes[pool.name],
            region=region,
            price=catalogue.price(pool.machine.value, region, pool.capacity) if pool.machine and region else None,
        )
        for pool in pools
    )
