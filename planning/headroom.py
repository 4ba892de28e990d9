"""Head-room: places on nodes that are there already, kept by pods that do nothing until a server's pod needs one.

A new GPU node takes minutes. A pod that pauses asks for just what a pod of the server asks for, on the same nodes; the
server's next pod takes its place at once, because its priority is the higher one, and the place that was given up makes
the autoscaler buy the node that the next one will need (Kubernetes, "Pod Priority and Preemption"; Cluster Autoscaler
FAQ, "How can I configure overprovisioning with Cluster Autoscaler?").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.images import ImageLock, ImageRef
from planning.lanes import Lane
from planning.release import UNCONFIRMED_IMAGE, locked_image
from planning.settings.cluster import Local
from planning.settings.root import Settings
from planning.settings.servers import Triton

IMAGE, TAG = "pause", "3.10.1"

PRIORITY = -10
"""Below batch, which has 0 where it states none. The Cluster Autoscaler buys no node for a pod below -10, and takes no
account of it (its flag expendable-pods-priority-cutoff, default -10)."""

NOTHING_GROWS = Rule("TU317", Severity.ERROR, "Head-room is what a server can grow into")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHeadroom:
    """`pods` that pause on the nodes of `lane`, each of the size of one of the lane's own."""

    deployment: str
    lane: Lane
    pods: Derived[int]
    image: Derived[ImageRef]


def plan_headroom(
    name: str, server: Triton, lanes: Sequence[Lane], settings: Settings, lock: ImageLock
) -> tuple[PlannedHeadroom | None, tuple[Finding, ...]]:
    """Of server `name`, on the lane that grows. None where none is asked for, and where it cannot be."""
    wanted = server.replicas.headroom
    if wanted == 0 or not lanes:
        return None, ()
    at = setting(f"servers.{name}.replicas.headroom")
    growing = max(lanes, key=lambda lane: lane.maximum.value - lane.minimum.value)
    most = growing.maximum.value - growing.minimum.value
    if isinstance(settings.cluster, Local):
        what, fix = f"{wanted} would keep places free on a machine that buys no other.", "Write 0."
        return None, (Finding(rule=NOTHING_GROWS, at=at, what=what, fix=fix),)
    if wanted > most:
        what = f"{wanted} is more than the {most} by which {growing.deployment} can grow."
        fix = f"Write {most}, or raise servers.{name}.replicas.ceiling."
        return None, (Finding(rule=NOTHING_GROWS, at=at, what=what, fix=fix),)
    image = locked_image(IMAGE, TAG, settings, lock)
    if image is None:
        return None, (
            Finding(
                rule=UNCONFIRMED_IMAGE,
                at=at,
                what=f"Nobody confirmed the digest of {IMAGE}:{TAG}, which pauses in place of a server's pods.",
                fix=f"Run `tritonup images update {IMAGE}:{TAG}` where the registry can be reached.",
            ),
        )
    return PlannedHeadroom(
        deployment=f"{name}-headroom",
        lane=growing,
        pods=Derived(wanted, f"servers.{name}.replicas.headroom says so, for {growing.deployment}, which grows"),
        image=image,
    ), ()
