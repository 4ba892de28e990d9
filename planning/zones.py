"""In which of the cluster's zones a pool's machine can be had."""

from __future__ import annotations

from planning.catalogue import Catalogue
from planning.catalogue.machines import MachineType
from planning.findings import Finding, Place, Rule, Severity
from planning.settings.cluster import Eks, Gke

NOT_OFFERED_THERE = Rule("TU910", Severity.ERROR, "A zone of the cluster offers the pool's machine")


def offered_zones(
    pool: str, machine: MachineType, cluster: Gke | Eks, at: Place, catalogue: Catalogue
) -> tuple[str, ...] | Finding:
    """The zones of `cluster` in which `machine` is offered, in the stack file's order; all of them where the
    catalogue does not know. `at` is the field that lists them."""
    known = catalogue.zones(machine)
    if known is None:
        return tuple(cluster.zones)
    offered = tuple(zone for zone in cluster.zones if zone in known)
    if offered:
        return offered
    here = sorted(zone for zone in known if _region(zone) == cluster.region)
    regions = sorted({_region(zone) for zone in known})
    return Finding(
        rule=NOT_OFFERED_THERE,
        at=at,
        what=f"{', '.join(map(repr, cluster.zones))} do not offer {machine.name}, the machine of pool {pool!r}.",
        fix=f"Add one of: {', '.join(here)}."
        if here
        else f"Nor does the rest of {cluster.region}: move to one of {', '.join(regions)}.",
    )


def _region(zone: str) -> str:
    return zone.rpartition("-")[0]
