"""Karpenter where this program installs it: which version, with which settings, on which nodes.

What it needs of AWS is planned with the cluster, whoever installs it (planning/clusters/eks.py). It stands on the
system nodes, which it does not buy itself: what ends nodes must not stand on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planning.catalogue import Catalogue
from planning.catalogue.eks import VERSIONS
from planning.catalogue.karpenter import INSTALLED, SOURCE, knows, written
from planning.clusters.block import at
from planning.clusters.eks import Identity, Karpenter, PlannedEks
from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.images import ImageLock, ImageRef
from planning.network import Allowance, plan_karpenters_network
from planning.release import UNCONFIRMED_IMAGE, locked_image
from planning.settings.controllers import Presence
from planning.settings.root import Settings

NOT_KNOWN = Rule("TU909", Severity.ERROR, "The Karpenter that is installed knows the cluster's Kubernetes")

IMAGE, TAG = "karpenter", written(INSTALLED)

REPLICAS = 2
"""One acts and the other takes over (charts/karpenter/values.yaml, `replicas`)."""

FEATURES: Mapping[str, bool] = {
    "ReservedCapacity": True,
    "SpotToSpotConsolidation": False,
    "NodeRepair": True,
    "NodeOverlay": False,
    "StaticCapacity": False,
    "CapacityBuffer": False,
}
"""Every gate of the version is stated, each as the chart has it (charts/karpenter/values.yaml, `settings.featureGates`)
but NodeRepair: without it a node that Karpenter bought and whose GPU failed would never be replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedKarpenter:
    """`nodes` are the labels of the nodes that it stands on."""

    image: Derived[ImageRef]
    identity: Identity
    cluster: str
    region: str
    queue: str
    replicas: Derived[int]
    nodes: Mapping[str, str]
    features: Derived[Mapping[str, bool]]
    network: tuple[Allowance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KarpenterThere:
    """What Karpenter is told on `cluster`, whichever stack makes that. `installed` is the program itself, None where
    somebody else runs it."""

    cluster: str
    nodes: Karpenter
    installed: PlannedKarpenter | None


def plan_karpenter(
    settings: Settings, eks: PlannedEks | None, catalogue: Catalogue, lock: ImageLock
) -> tuple[KarpenterThere | None, tuple[Finding, ...]]:
    """None where the settings ask for none, or the cluster is not one of EKS that this program describes."""
    if eks is None or not isinstance(eks.scaler, Karpenter):
        return None, ()
    installed, found = (
        _install(settings, eks, eks.scaler, catalogue, lock)
        if settings.controllers.karpenter is Presence.INSTALL
        else (None, ())
    )
    return KarpenterThere(cluster=eks.name.value, nodes=eks.scaler, installed=installed), found


def _install(
    settings: Settings, eks: PlannedEks, karpenter: Karpenter, catalogue: Catalogue, lock: ImageLock
) -> tuple[PlannedKarpenter | None, tuple[Finding, ...]]:
    if not knows(eks.kubernetes):
        return None, (_not_known(settings, eks.kubernetes),)
    image = locked_image(IMAGE, TAG, settings, lock)
    if image is None:
        return None, (
            Finding(
                rule=UNCONFIRMED_IMAGE,
                at=setting("controllers.karpenter"),
                what=f"Nobody confirmed the digest of {IMAGE}:{TAG}, which 'install' runs.",
                fix=f"Run `tritonup images update {IMAGE}:{TAG}` where the registry can be reached.",
            ),
        )
    return (
        PlannedKarpenter(
            image=image,
            identity=karpenter.identity,
            cluster=eks.name.value,
            region=eks.region,
            queue=karpenter.queue,
            replicas=_replicas(eks.system.minimum.value),
            nodes=dict(eks.system.labels),
            features=Derived(FEATURES, "as Karpenter's chart has them, and it repairs the nodes that it bought"),
            network=plan_karpenters_network(settings, catalogue),
        ),
        (),
    )


def _replicas(nodes: int) -> Derived[int]:
    """No two on a node: what would wait for a node that nobody buys is not asked for."""
    if nodes < REPLICAS:
        return Derived(1, "cluster.system.nodes.min keeps no second node for another")
    return Derived(REPLICAS, "one acts, and another on a second system node takes over")


def _not_known(settings: Settings, kubernetes: str) -> Finding:
    known = [version.minor for version in VERSIONS if version.in_standard_support and knows(version.minor)]
    return Finding(
        rule=NOT_KNOWN,
        at=at(settings, "kubernetes"),
        what=f"{kubernetes} is not one that Karpenter {TAG} is known to work with ({SOURCE}), and"
        " `controllers.karpenter: install` brings that version.",
        fix=f"Write one of: {', '.join(reversed(known))}, or run a Karpenter that knows it and write `present`.",
    )
