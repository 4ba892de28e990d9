"""A price is for a machine that is sold, dated, and in proportion to the others."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import groupby

from planning.catalogue import CATALOGUE
from planning.catalogue.machines import MACHINES
from planning.catalogue.prices import PRICES_FILE, prices


def test_every_line_of_the_file_prices_a_machine_that_is_sold_so() -> None:
    lines = PRICES_FILE.read_text(encoding="utf-8").splitlines()[1:]
    sold = {(m.cloud, m.name, capacity) for m in MACHINES for capacity in m.capacities if not m.attached}
    priced = [tuple(line.split(",")) for line in lines]
    assert {(cloud, name, capacity) for cloud, name, _, capacity, *_ in priced} <= sold
    assert len({line[:4] for line in priced}) == len(priced)
    assert sum(len(prices(machine)) for machine in MACHINES) == len(priced)


def test_every_price_is_positive_and_was_seen_on_a_day() -> None:
    for machine in MACHINES:
        for price in prices(machine):
            assert price.usd_per_hour > 0
            assert date.fromisoformat(price.seen) > date(2026, 1, 1)


def test_spot_is_cheaper_than_on_demand() -> None:
    compared = 0
    for machine in MACHINES:
        for spot in (price for price in prices(machine) if price.capacity == "spot"):
            full = CATALOGUE.price(machine, spot.region, "on-demand")
            if full is not None:
                compared += 1
                assert spot.usd_per_hour < full.usd_per_hour
    assert compared > 100


def test_a_host_without_its_gpus_is_never_passed_off_as_the_machine() -> None:
    """Google lists the host of A2 and N1 machines apart: with their GPUs they cost several times as much."""
    assert all(prices(machine) == () for machine in MACHINES if machine.attached)
    a2 = next(m for m in MACHINES if m.name == "a2-highgpu-1g")
    host_only = Decimal("0.73948")
    price = CATALOGUE.price(a2, "us-central1", "on-demand")
    assert price is not None
    assert price.usd_per_hour > 3 * host_only


def test_more_of_the_same_gpu_costs_more_in_the_same_region() -> None:
    known = [
        (m.cloud, m.gpu, price.region, price.capacity, m.gpus, price.usd_per_hour)
        for m in MACHINES
        for price in prices(m)
    ]
    for _, same in groupby(sorted(known), key=lambda row: row[:4]):
        cheapest: dict[int, Decimal] = {}
        for *_, gpus, usd in same:
            cheapest[gpus] = min(usd, cheapest.get(gpus, usd))
        assert list(cheapest.values()) == sorted(cheapest.values())


def test_an_unknown_price_is_none() -> None:
    l4 = next(m for m in MACHINES if m.name == "g2-standard-8")
    assert CATALOGUE.price(l4, "antarctica-south1", "spot") is None
