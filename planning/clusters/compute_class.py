"""The ComputeClass of a GKE cluster: spot first, on demand after it, and back to spot when there is some again.

GKE's autoscaler tries the rules of a class in order, scales up the first that has a machine to sell, and with active
migration replaces nodes of a lower rule by ones of a higher, one drain at a time and within disruption budgets
(cloud.google.com/kubernetes-engine/docs/concepts/about-custom-compute-classes, "Priority rules", "Active migration").

- The rules name node pools that are made here, and nothing is created automatically: such a pool would have none of
  what ours are planned with (a notice, private nodes, disks, a driver, shares of GPUs, an account of its own).
- The floor is no rule of it. A class only prefers: it keeps no number of nodes on demand, and active migration would
  bring the floor to spot. So the floor is a lane of its own, on a pool that is in no class.
- Spot pools are of one rule, which GKE takes in no order, and their stand-ins of the next. A pod's affinity says which
  of them may carry it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planning.clusters.gke_pools import stand_in
from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.lanes import Lane
from planning.pools import Pool
from planning.settings.cluster import Gke, described
from planning.settings.root import Settings

ONE_CLASS = Rule("TU925", Severity.ERROR, "The pools of a lane are of one ComputeClass, or of none")
RESERVED_NAME = Rule("TU927", Severity.ERROR, "A ComputeClass is not named as GKE's own are")

RESERVED = ("gke", "autopilot")
"""What no name of a ComputeClass begins with (the same page, "Limitations")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedComputeClass:
    """`rules` are names of node pools: those of the first are tried before those of the next."""

    name: str
    rules: Derived[tuple[tuple[str, ...], ...]]


def plan_compute_class(settings: Settings, pools: Sequence[Pool]) -> PlannedComputeClass | None:
    """Of a GKE cluster that is made here or by another stack; None where no pool asks for a stand-in."""
    named = {pool.name: compute_class_of(pool.name, settings) for pool in pools if pool.capacity == "spot"}
    of_class = {pool: name for pool, name in named.items() if name is not None}
    if not of_class or not isinstance(described(settings.cluster), Gke):
        return None
    return PlannedComputeClass(
        name=next(iter(of_class.values())),
        rules=Derived(
            (tuple(of_class), tuple(map(stand_in, of_class))),
            "spot is tried first, what stands in for it after, and pods return when there is spot again",
        ),
    )


def compute_class_of(pool: str, settings: Settings) -> str | None:
    """The ComputeClass that `pool` gets on a GKE cluster that is made here: one for all spot pools of the stack that
    something stands in for."""
    cluster = described(settings.cluster)
    own = cluster.pools.get(pool) if isinstance(cluster, Gke) else None
    return f"{settings.namespace}-spot" if own is not None and own.without_spot == "on-demand" else None


def check_compute_classes(settings: Settings, lanes: Mapping[str, Sequence[Lane]]) -> Iterator[Finding]:
    """`lanes` by server. A pod selects one class; pools of another, or of none, could never carry it."""
    for server, own in lanes.items():
        for lane in own:
            classes = {pool.compute_class for pool in lane.pools}
            if len(classes) > 1:
                inside = ", ".join(repr(pool.name) for pool in lane.pools if pool.compute_class)
                outside = ", ".join(repr(pool.name) for pool in lane.pools if not pool.compute_class)
                yield Finding(
                    rule=ONE_CLASS,
                    at=setting(f"servers.{server}.gpu.pools"),
                    what=f"{inside} are of a ComputeClass, and {outside} of none: a pod of {lane.deployment} can only"
                    " be on the ones or the others."
                    if outside
                    else f"{inside} are of different ComputeClasses, and a pod of {lane.deployment} can select one.",
                    fix="Write `without_spot: on-demand` for all of these spot pools in cluster.pools, or for none."
                    if isinstance(described(settings.cluster), Gke)
                    else "Give the nodes of all these pools the label of one ComputeClass, or name fewer pools.",
                )
    cluster = described(settings.cluster)
    asked = isinstance(cluster, Gke) and any(own.without_spot == "on-demand" for own in cluster.pools.values())
    if asked and settings.namespace.startswith(RESERVED):
        yield Finding(
            rule=RESERVED_NAME,
            at=setting("namespace"),
            what=f"{settings.namespace!r} begins as only GKE's own ComputeClasses may, and ours is named like it.",
            fix="Take another namespace, or write `without_spot: wait`.",
        )
