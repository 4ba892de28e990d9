"""What the GPU nodes cost for one hour, from the catalogue's dated prices. Never fetched at preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from planning.catalogue import Catalogue
from planning.catalogue.prices import Price
from planning.pools import Pool

HOURS_PER_MONTH = 730
"""365 days of 24 hours in 12 months, as both clouds' calculators reckon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCost:
    """US dollars for one hour at the least and at the most nodes; `price` of one node, None where the catalogue
    has none for the region."""

    pool: str
    region: str
    price: Price | None
    least: Decimal | None
    most: Decimal | None


def plan_cost(pools: Sequence[Pool], region: str | None, catalogue: Catalogue) -> tuple[PoolCost, ...]:
    """The cost of each pool whose machine is planned here, in `region`."""
    if region is None:
        return ()
    return tuple(_cost(pool, region, catalogue) for pool in pools if pool.machine is not None)


def _cost(pool: Pool, region: str, catalogue: Catalogue) -> PoolCost:
    assert pool.machine is not None
    price = catalogue.price(pool.machine.value, region, pool.capacity)
    return PoolCost(
        pool=pool.name,
        region=region,
        price=price,
        least=price.usd_per_hour * pool.min_nodes if price else None,
        most=price.usd_per_hour * pool.max_nodes if price else None,
    )
