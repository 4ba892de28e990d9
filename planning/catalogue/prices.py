"""What an hour of a machine costs. The figures lie in `prices.csv` beside this file, read when first asked
for.

A price is for the whole machine, GPUs and bundled local SSDs included, in US dollars, before any discount
or tax. Google Cloud's own price list counts host, GPUs and SSDs of A2 and A3 machines apart; the source of
these figures has added them up, while for N1 it has the host alone, so that no N1 machine is priced here:
no dated price of an attached T4 or V100 was found. Nor was one of EC2 spot capacity, nor of EC2 outside
us-east-1.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

from planning.catalogue.machines import Capacity, MachineType

PRICES_FILE: Final = Path(__file__).with_name("prices.csv")

PRICE_SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "karpenter-aws": "aws/karpenter-provider-aws 6fc13b5"
        " pkg/providers/pricing/zz_generated.pricing_aws.go, generated from AWS's price list",
        "karpenter-gcp": "cloudpilot-ai/karpenter-provider-gcp 373e2ba"
        " pkg/providers/pricing/initial-prices.json, computed from the Cloud Billing API",
    }
)
"""What the last column of the file abbreviates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for one hour of the whole machine; `seen` is the ISO date on which the source had it. A spot
    price is that day's and moves."""

    region: str
    capacity: Capacity
    usd_per_hour: Decimal
    seen: str
    source: str


def prices(machine: MachineType) -> tuple[Price, ...]:
    """Every price known for `machine`, by region; empty where none was found."""
    return _by_machine().get((machine.cloud, machine.name), ()) if not machine.attached else ()


def price(machine: MachineType, region: str, capacity: Capacity) -> Price | None:
    """The price of one hour of `machine`, or None where it is not known."""
    for known in prices(machine):
        if (known.region, known.capacity) == (region, capacity):
            return known
    return None


@cache
def _by_machine() -> Mapping[tuple[str, str], tuple[Price, ...]]:
    found: dict[tuple[str, str], list[Price]] = {}
    with PRICES_FILE.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            found.setdefault((row["cloud"], row["machine"]), []).append(
                Price(
                    region=row["region"],
                    capacity=cast("Capacity", row["capacity"]),
                    usd_per_hour=Decimal(row["usd_per_hour"]),
                    seen=row["seen"],
                    source=PRICE_SOURCES[row["source"]],
                )
            )
    return {machine: tuple(known) for machine, known in found.items()}
