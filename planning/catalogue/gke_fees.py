"""What an hour of a GKE cluster costs beside its GPU nodes: the control plane, NAT, keys, and plain nodes.

US dollars before discount and tax. What has no line here (disks, traffic, logs, samples of managed Prometheus) goes
by use, and the plan says that it is not counted.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from planning.catalogue.prices import PRICE_SOURCES

_FILE: Final = Path(__file__).with_name("gke_system.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """`usd_per_hour` for one of `what`; `seen` is the ISO date on which the source was read."""

    what: str
    usd_per_hour: Decimal
    seen: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainMachine:
    """A machine without GPUs."""

    name: str
    vcpus: int
    gib: int


CONTROL_PLANE: Final = Fee(
    what="cluster",
    usd_per_hour=Decimal("0.10"),
    seen="2026-11-27",
    source="cloud.google.com/kubernetes-engine/pricing: a flat fee an hour; the free tier does not cover regional"
    " clusters",
)
NAT_PER_NODE: Final = Fee(
    what="node behind NAT",
    usd_per_hour=Decimal("0.0014"),
    seen="2026-11-27",
    source="cloud.google.com/nat/pricing: for each virtual machine that uses the gateway, 32 of them at the most",
)
NAT_MOST_NODES: Final = 32
NAT_ADDRESS: Final = Fee(
    what="address of the NAT gateway",
    usd_per_hour=Decimal("0.005"),
    seen="2026-11-27",
    source="cloud.google.com/nat/pricing: for each external address of a gateway",
)

PLAIN_MACHINES: Final[Mapping[str, PlainMachine]] = {
    machine.name: machine
    for machine in (
        PlainMachine(name="e2-standard-2", vcpus=2, gib=8),
        PlainMachine(name="e2-standard-4", vcpus=4, gib=16),
        PlainMachine(name="e2-standard-8", vcpus=8, gib=32),
        PlainMachine(name="e2-standard-16", vcpus=16, gib=64),
    )
}
"""Those that system pools are priced with (cloud.google.com/compute/docs/general-purpose-machines). Others can be
chosen, and are not priced."""


def plain_price(machine: str, region: str) -> Fee | None:
    """One hour of `machine` on demand, None where no dated price was found."""
    return _prices().get((machine, region))


@cache
def _prices() -> Mapping[tuple[str, str], Fee]:
    with _FILE.open(encoding="utf-8", newline="") as lines:
        return {
            (row["machine"], row["region"]): Fee(
                what=row["machine"],
                usd_per_hour=Decimal(row["usd_per_hour"]),
                seen=row["seen"],
                source=PRICE_SOURCES[row["source"]],
            )
            for row in csv.DictReader(lines)
        }
