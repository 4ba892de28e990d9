"""What Amazon EKS offers and what it costs at rest: Kubernetes versions, machines for system pods, list prices.

Nothing is fetched at preview. AWS adds a version about every four months; the dates say when this page was true.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

SystemMachine = Literal["m6i.large", "m6i.xlarge", "m6i.2xlarge", "m7i.large", "m7i.xlarge", "m7i.2xlarge"]
"""Machines without a GPU: two generations, so that one that a zone has run out of can be exchanged."""

_GIB: Final = 2**30

SEEN: Final = date(2026, 11, 27)
"""When the versions below were looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedVersion:
    """A minor version of Kubernetes, and the last day of its standard support; None where no source has it."""

    minor: str
    standard_until: date | None

    @property
    def in_standard_support(self) -> bool:
        """When this was looked up. A version without a day is newer than those that have one."""
        return self.standard_until is None or self.standard_until >= SEEN


VERSIONS_SOURCE: Final = (
    "docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html and endoflife.date/amazon-eks (as of"
    " February 2026); 14 months of standard support and 12 of extended follow each release"
)

VERSIONS: Final = (
    OfferedVersion(minor="1.32", standard_until=date(2026, 3, 23)),
    OfferedVersion(minor="1.33", standard_until=date(2026, 7, 29)),
    OfferedVersion(minor="1.34", standard_until=date(2026, 12, 2)),
    OfferedVersion(minor="1.35", standard_until=date(2027, 3, 27)),
    OfferedVersion(minor="1.36", standard_until=None),
)
"""Those that a new cluster can have at `SEEN`, oldest first. AWS's pages name 1.36; its days are in no source at hand.
What is not here is refused, not guessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuMachine:
    """`usd_per_hour` is on demand in `PRICED_REGION`."""

    name: SystemMachine
    vcpus: int
    memory_bytes: int
    usd_per_hour: Decimal


SYSTEM_MACHINES: Final[dict[SystemMachine, CpuMachine]] = {
    machine.name: machine
    for machine in (
        CpuMachine(name="m6i.large", vcpus=2, memory_bytes=8 * _GIB, usd_per_hour=Decimal("0.0960")),
        CpuMachine(name="m6i.xlarge", vcpus=4, memory_bytes=16 * _GIB, usd_per_hour=Decimal("0.1920")),
        CpuMachine(name="m6i.2xlarge", vcpus=8, memory_bytes=32 * _GIB, usd_per_hour=Decimal("0.3840")),
        CpuMachine(name="m7i.large", vcpus=2, memory_bytes=8 * _GIB, usd_per_hour=Decimal("0.1008")),
        CpuMachine(name="m7i.xlarge", vcpus=4, memory_bytes=16 * _GIB, usd_per_hour=Decimal("0.2016")),
        CpuMachine(name="m7i.2xlarge", vcpus=8, memory_bytes=32 * _GIB, usd_per_hour=Decimal("0.4032")),
    )
}
SYSTEM_MACHINES_SOURCE: Final = (
    "aws/karpenter-provider-aws 1d92708 (2026-08-21): pkg/providers/pricing/zz_generated.pricing_aws.go and"
    " website/content/en/preview/reference/instance-types.md"
)

PRICED_REGION: Final = "us-east-1"
"""The region of the prices here. Elsewhere a price is not known, and is said not to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A list price for each hour that something is there. What flows through it costs more."""

    usd_per_hour: Decimal
    source: str


_EKS_PRICED: Final = (
    "AWS containers blog, Amazon EKS extended support for Kubernetes versions pricing; the same in guides of June 2026"
)
_PRICED: Final = "list price as known in November 2026, seen in no dated source here; check it before you rely on it"

CONTROL_PLANE: Final = Rate(
    usd_per_hour=Decimal("0.10"), source=f"aws.amazon.com/eks/pricing, standard support ({_EKS_PRICED})"
)
CONTROL_PLANE_EXTENDED: Final = Rate(
    usd_per_hour=Decimal("0.60"), source=f"aws.amazon.com/eks/pricing, extended support ({_EKS_PRICED})"
)
NAT_GATEWAY: Final = Rate(usd_per_hour=Decimal("0.045"), source=f"aws.amazon.com/vpc/pricing ({_PRICED})")
PUBLIC_ADDRESS: Final = Rate(usd_per_hour=Decimal("0.005"), source=f"aws.amazon.com/vpc/pricing ({_PRICED})")
INTERFACE_ENDPOINT: Final = Rate(
    usd_per_hour=Decimal("0.01"), source=f"aws.amazon.com/privatelink/pricing, one endpoint in one zone ({_PRICED})"
)
KMS_KEY: Final = Rate(
    usd_per_hour=Decimal("1") / 730, source=f"aws.amazon.com/kms/pricing, 1 US dollar a month ({_PRICED})"
)
