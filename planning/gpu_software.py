"""NVIDIA's device plugin, where the stack installs it: which nodes get which configuration.

Each pool has a DaemonSet and a configuration of its own, because sharing is a property of the pool. The alternative,
one DaemonSet that follows a label of each node, needs a program that watches nodes, with rights to read them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.driver_canary import canary_labels, driver_of
from planning.findings import Finding, Rule, Severity, setting
from planning.images import ImageLock, ImageRef
from planning.pools import Pool, PoolTaint
from planning.release import UNCONFIRMED_IMAGE, locked_image
from planning.settings.cluster import Gke, described
from planning.settings.controllers import Presence
from planning.settings.pools import Mig, Mps, Sharing, TimeSlicing
from planning.settings.root import Settings

IMAGE, TAG = "device-plugin", "v0.20.0"

NOT_SHARED_SO = Rule("TU905", Severity.ERROR, "The device plugin that is installed shares GPUs as the pools ask")
BROUGHT_ALREADY = Rule("TU906", Severity.ERROR, "Nothing is installed twice that the cloud brings")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDevicePlugin:
    """For the nodes of one pool, which have all of one of `nodes`' labels: the pool's own, and those of the canary of
    its driver. `replicas`: how many pods share each GPU, None where one has it whole. `by_mps`: at the same time,
    through a control daemon of the node; in turns otherwise."""

    pool: str
    image: Derived[ImageRef]
    nodes: tuple[Mapping[str, str], ...]
    taints: tuple[PoolTaint, ...]
    replicas: Derived[int] | None
    by_mps: bool


def plan_device_plugins(
    settings: Settings, pools: Sequence[Pool], lock: ImageLock
) -> tuple[tuple[PlannedDevicePlugin, ...], tuple[Finding, ...]]:
    """One for each pool, where `controllers.nvidia_device_plugin` is `install`."""
    if settings.controllers.nvidia_device_plugin is not Presence.INSTALL or not settings.gpu_pools:
        return (), ()
    cluster = described(settings.cluster)
    if isinstance(cluster, Gke) or (cluster.kind == "existing" and cluster.platform == "gke"):
        return (), (_brought(),)
    found = tuple(_shared_otherwise(name, pool.sharing) for name, pool in settings.gpu_pools.items())
    wrong = tuple(finding for finding in found if finding is not None)
    if wrong:
        return (), wrong
    image = locked_image(IMAGE, TAG, settings, lock)
    if image is None:
        return (), (_unconfirmed(),)
    return tuple(_plugin(settings, pool, image) for pool in pools), ()


def _plugin(settings: Settings, pool: Pool, image: Derived[ImageRef]) -> PlannedDevicePlugin:
    sharing = settings.gpu_pools[pool.name].sharing
    driver = driver_of(settings, pool.name)
    return PlannedDevicePlugin(
        pool=pool.name,
        image=image,
        nodes=(pool.labels, *((canary_labels(pool, driver.image),) if driver is not None else ())),
        taints=pool.taints_at_first,
        replicas=Derived(sharing.pods, f"gpu_pools.{pool.name}.sharing.pods says so")
        if isinstance(sharing, TimeSlicing | Mps)
        else None,
        by_mps=pool.by_mps,
    )


def _shared_otherwise(pool: str, sharing: Sharing) -> Finding | None:
    if not isinstance(sharing, Mig):
        return None
    return Finding(
        rule=NOT_SHARED_SO,
        at=setting(f"gpu_pools.{pool}.sharing.kind"),
        what="MIG needs the GPUs to be cut before the plugin starts, and `controllers.nvidia_device_plugin: install`"
        " brings nothing that cuts them.",
        fix="Write `whole`, `time-slicing` or `mps`, or run NVIDIA's GPU operator in the cluster and write"
        " `controllers.nvidia_device_plugin: present`.",
    )


def _brought() -> Finding:
    return Finding(
        rule=BROUGHT_ALREADY,
        at=setting("controllers.nvidia_device_plugin"),
        what="'install' would put a second device plugin beside the one that GKE runs on every GPU node.",
        fix="Write `present`.",
    )


def _unconfirmed() -> Finding:
    return Finding(
        rule=UNCONFIRMED_IMAGE,
        at=setting("controllers.nvidia_device_plugin"),
        what=f"Nobody confirmed the digest of {IMAGE}:{TAG}, NVIDIA's device plugin.",
        fix=f"Run `tritonup images update {IMAGE}:{TAG}` where the registry can be reached.",
    )
