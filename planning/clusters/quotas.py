"""What the cloud must have granted before pools can grow to their greatest: names and figures, as one asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planning.catalogue.quotas import AT_FIRST
from planning.derived import Derived
from planning.findings import Finding, Place, Rule, Severity, setting

NOT_GRANTED = Rule("TU940", Severity.WARNING, "The cloud has granted what the pools may come to need")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """`name` as the cloud's API has it, `shown` as its console does. `region` is None for one over all regions. `unit`
    is what it counts."""

    name: str
    shown: str
    region: str | None
    unit: str
    needed: Derived[int]


def check_quotas(quotas: Sequence[Quota], granted: Mapping[str, int], at: Place) -> Iterator[Finding]:
    """`granted` is what the stack file says, at `at`. Whoever is granted nothing has what a newcomer has."""
    for quota in quotas:
        stated = granted.get(quota.name)
        if (AT_FIRST if stated is None else stated) >= quota.needed.value:
            continue
        has = f"{stated} are granted" if stated is not None else f"a new account has {AT_FIRST}"
        shown = f" ({quota.shown})" if quota.shown != quota.name else ""
        where = f" in {quota.region}" if quota.region else ""
        yield Finding(
            rule=NOT_GRANTED,
            at=setting(f"{at.field}.{quota.name}"),
            what=f"{quota.needed.value} {quota.unit} of {quota.name}{shown}{where} may be needed, and {has}:"
            f" {quota.needed.because}.",
            fix=f"Ask for {quota.needed.value} and write `{quota.name}: {quota.needed.value}` when they are granted,"
            " lower nodes.max of pools, or accept this warning with a reason.",
        )
