"""How a new driver comes onto a pool: one node has it first, a CUDA handshake there says whether the others follow.

What brings a driver, and what moves it, is each cloud's own (each in its own source or documents):

- EKS: the node's image (AL2023's NVIDIA variant). Karpenter replaces nodes whose NodeClass names another image
  (aws/karpenter-provider-aws 1d92708, pkg/cloudprovider/drift.go, isAMIDrifted), as many at once as a budget lets it
  (karpenter.sh/docs/concepts/disruption, "NodePool Disruption Budgets"), and takes no node before what replaces it has
  all that its pods ask for, GPUs included (kubernetes-sigs/karpenter 2266468, pkg/controllers/disruption/queue.go,
  waitOrTerminate). So the canary is a NodePool of one node with the new image, and the pool's own NodeClass is changed
  when the handshake has succeeded: Pulumi changes nothing that depends on what has failed.
- An existing cluster: somebody else installs it, such as NVIDIA's GPU operator, whose upgrade controller leaves out
  nodes with the label `nvidia.com/gpu-driver-upgrade.skip=true` and takes at most `maxParallelUpgrades` of the others
  at once (NVIDIA/gpu-operator a22dbf6, vendor/github.com/NVIDIA/k8s-operator-libs/pkg/upgrade/upgrade_inplace.go,
  ProcessUpgradeRequiredNodes). The handshake runs on a node that the stack file names by its labels; the others are
  whoever's that installs it.
- GKE: the version of a node pool, together with `gpu_driver_version` (DEFAULT or LATEST of that version's image;
  docs.cloud.google.com/kubernetes-engine/docs/how-to/gpus). A release channel upgrades node pools by itself. There is
  no canary there yet.

A managed node group of EKS, which the floor of an on-demand pool stands on beside Karpenter, is made before anything
that runs on the cluster, so its image cannot wait for a handshake there: it keeps what it was made with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planning.clusters.block import at
from planning.clusters.gke_rules import POOL_NAME, POOL_OF_NO_NAME
from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.images import ImageRef
from planning.pools import POOL_LABEL, Pool, PoolTaint
from planning.repository.suggestion import did_you_mean
from planning.server import PlannedServer
from planning.settings.cluster import Eks, Existing, described
from planning.settings.controllers import Presence
from planning.settings.eks import ImageByCanary
from planning.settings.root import Settings
from planning.startup import BOOT_SAFETY, PLACE_S
from planning.wording import counted

NOT_KARPENTERS = Rule("TU941", Severity.ERROR, "A driver comes by canary onto nodes that Karpenter buys")
NO_IMAGE_TO_TRY = Rule("TU942", Severity.ERROR, "A driver's canary has the image of a server to try it with")
FLOOR_KEEPS_ITS_OWN = Rule("TU943", Severity.WARNING, "A driver reaches all nodes of its pool")

CANARY = "tritonup/driver-canary"
"""Label of a canary node that Karpenter makes, with the image that is tried as its value: the handshake of one image
never finds the node of another."""

HANDSHAKE_S = 120
"""For the handshake itself, which takes seconds. An allowance: the first context on a node loads the kernel module's
parts of every GPU."""

CORDONED = PoolTaint(key="node.kubernetes.io/unschedulable", value="", effect="NoSchedule")
"""What a cordoned node carries (kubernetes.io, "Taints and Tolerations", "Taint Nodes by Condition")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverCanary:
    """The handshake that must succeed before `version` goes onto the rest of `pool`. `driver` is what the node must
    report, None where the version is an image's. It runs in the `image` of `server`, which has `cuda`, on a node with
    `labels`, whose GPUs have `capability`; `taints` are those that it tolerates. It has `seconds`, the node's boot
    included."""

    pool: str
    version: Derived[str]
    driver: str | None
    server: str
    image: Derived[ImageRef]
    cuda: tuple[int, int] | None
    capability: tuple[int, int]
    gpus: int
    labels: Mapping[str, str]
    taints: tuple[PoolTaint, ...]
    seconds: Derived[int]

    @property
    def object_name(self) -> str:
        """Of its Job, which cannot change: another driver, image or GPU is another handshake."""
        tried = [self.version.value, self.driver, str(self.image.value), self.cuda, self.capability, self.gpus]
        return f"driver-{self.pool}-{hashlib.sha256(json.dumps(tried).encode()).hexdigest()[:8]}"


def canary_name(pool: str) -> str:
    """Of the NodePool and the NodeClass of its canary."""
    return f"{pool}-canary"


def canary_labels(pool: Pool, image: str) -> Mapping[str, str]:
    """Of a canary node that Karpenter makes. By the pool's name servers stay away: it is another one."""
    return {**pool.labels, POOL_LABEL: canary_name(pool.name), CANARY: image}


def driver_of(settings: Settings, pool: str) -> ImageByCanary | None:
    """What the stack file says of the driver of `pool` on EKS."""
    cluster = described(settings.cluster)
    own = cluster.pools.get(pool) if isinstance(cluster, Eks) else None
    return own.driver if own is not None else None


def plan_driver_canaries(
    settings: Settings, pools: Sequence[Pool], servers: Sequence[PlannedServer]
) -> tuple[tuple[DriverCanary, ...], tuple[Finding, ...]]:
    """One for each pool that states its driver. `servers` are those that could be planned."""
    cluster = described(settings.cluster)
    if not isinstance(cluster, Eks | Existing):
        return (), ()
    found = [*_pools_of_no_name(settings, cluster), *_taken_names(settings)]
    canaries: list[DriverCanary] = []
    for pool in pools:
        own = cluster.pools.get(pool.name)
        if own is None or own.driver is None:
            continue
        if isinstance(cluster, Eks) and settings.controllers.karpenter is Presence.NONE:
            found.append(_not_karpenters(settings, pool))
            continue
        server = _server_on(pool, servers)
        if server is not None:
            canaries.append(_canary(settings, pool, server))
        elif not any(pool.name in _pools_asked_for(settings, name) for name in settings.servers):
            found.append(_no_image(settings, pool))
    return tuple(canaries), tuple(found)


def check_floors(settings: Settings, floors: Mapping[str, int]) -> Iterator[Finding]:
    """`floors`: nodes of managed groups, by pool, beside those that Karpenter makes."""
    for pool, nodes in floors.items():
        if (driver := driver_of(settings, pool)) is not None and nodes:
            yield Finding(
                rule=FLOOR_KEEPS_ITS_OWN,
                at=at(settings, f"pools.{pool}.driver.image"),
                what=f"{driver.image} reaches the nodes that Karpenter makes. {counted(nodes, 'node')} of the floor of"
                f" {pool!r} are a managed node group, which keeps the image that it was made with.",
                fix="When the handshake has succeeded, run `aws eks update-nodegroup-version` for the group, and accept"
                " this warning with a reason.",
            )


def how_a_driver_comes(settings: Settings, pool: str) -> Derived[str]:
    """For whoever reads the plan of `pool`."""
    cluster = described(settings.cluster)
    match cluster:
        case Eks():
            if (driver := driver_of(settings, pool)) is None:
                return Derived("with new nodes", f"cluster.pools.{pool}.driver does not say otherwise")
            return Derived(
                f"of image {driver.image}, on a canary node first, then on {counted(driver.at_once, 'node')} at a time",
                f"cluster.pools.{pool}.driver says so",
            )
        case Existing() if (own := cluster.pools.get(pool)) is not None and own.driver is not None:
            return Derived(
                f"{own.driver.version}, which must answer on a canary node", f"cluster.pools.{pool}.driver says so"
            )
        case _:
            return Derived("with new nodes", "whoever makes the nodes brings it")


def _canary(settings: Settings, pool: Pool, server: PlannedServer) -> DriverCanary:
    cluster = described(settings.cluster)
    boot = pool.boot_seconds
    if isinstance(cluster, Existing):
        installed = cluster.pools[pool.name].driver
        assert installed is not None
        version, driver, gpus = installed.version, installed.version, 1
        labels: Mapping[str, str] = {**pool.labels, **installed.canary}
        taints = (*pool.taints_at_first, CORDONED)
    else:
        own = driver_of(settings, pool.name)
        assert own is not None
        # The node is there for this alone: where a pod may have all of its GPUs, all of them are tried.
        version, driver, gpus = own.image, None, pool.slots if pool.whole else 1
        labels, taints = canary_labels(pool, own.image), pool.taints
    return DriverCanary(
        pool=pool.name,
        version=Derived(version, f"cluster.pools.{pool.name}.driver says so"),
        driver=driver,
        server=server.name,
        image=server.image,
        cuda=_cuda(server),
        capability=pool.gpu.compute_capability,
        gpus=gpus,
        labels=labels,
        taints=taints,
        seconds=Derived(
            BOOT_SAFETY * boot.value + PLACE_S + HANDSHAKE_S,
            f"{BOOT_SAFETY} times {boot.value} s of boot ({boot.because}), placing the pod up to {PLACE_S} s, and the"
            f" handshake up to {HANDSHAKE_S} s",
        ),
    )


def _server_on(pool: Pool, servers: Sequence[PlannedServer]) -> PlannedServer | None:
    """Of those whose pods may stand on `pool` the one with the newest release: it asks the most of a driver."""
    on_it = [server for server in servers if any(pool in lane.lane.pools for lane in server.lanes)]
    return max(on_it, key=lambda server: server.release.order, default=None)


def _cuda(server: PlannedServer) -> tuple[int, int] | None:
    if server.release.cuda is None:
        return None
    major, minor, *_ = server.release.cuda.split(".")
    return int(major), int(minor)


def _pools_asked_for(settings: Settings, server: str) -> Sequence[str]:
    gpu = settings.servers[server].gpu
    return gpu.pools if gpu.kind == "nvidia" else ()


def _pools_of_no_name(settings: Settings, cluster: Eks | Existing) -> Iterator[Finding]:
    """Of EKS. An existing cluster may describe pools that this stack does not use."""
    if not isinstance(cluster, Eks):
        return
    for name in cluster.pools:
        if name not in settings.gpu_pools:
            yield Finding(
                rule=POOL_OF_NO_NAME,
                at=at(settings, f"pools.{name}"),
                what=f"{name!r} is not one of gpu_pools.",
                fix=did_you_mean(name, settings.gpu_pools) + f"Pools are: {', '.join(settings.gpu_pools)}."
                if settings.gpu_pools
                else "Take it out.",
            )


def _taken_names(settings: Settings) -> Iterator[Finding]:
    for pool in settings.gpu_pools:
        name = canary_name(pool)
        if driver_of(settings, pool) is not None and name in settings.gpu_pools:
            yield Finding(
                rule=POOL_NAME,
                at=setting(f"gpu_pools.{name}"),
                what=f"{name!r} is the name of the canary of {pool!r}.",
                fix="Take another name.",
            )


def _not_karpenters(settings: Settings, pool: Pool) -> Finding:
    return Finding(
        rule=NOT_KARPENTERS,
        at=at(settings, f"pools.{pool.name}.driver"),
        what="needs a node that is made for the handshake, and without Karpenter every pool is a managed node group.",
        fix="Write `controllers.karpenter: present`, or take `driver` out.",
    )


def _no_image(settings: Settings, pool: Pool) -> Finding:
    return Finding(
        rule=NO_IMAGE_TO_TRY,
        at=at(settings, f"pools.{pool.name}.driver"),
        what=f"is tried with the image that serves, and no server runs on {pool.name!r}.",
        fix=f"Take `driver` out until a server names {pool.name!r} among its pools.",
    )
