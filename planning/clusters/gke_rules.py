"""What GKE would refuse, or take and do otherwise, of a stack's pools and maintenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from planning.catalogue import Catalogue
from planning.catalogue.clouds import CloudFacts
from planning.clusters.gke_pools import DEFAULT_NOTICE_S, SYSTEM_POOL, stand_in
from planning.clusters.model_bucket import check_model_bucket
from planning.findings import Finding, Place, Rule, Severity, setting
from planning.pools import Pool
from planning.repository.suggestion import did_you_mean
from planning.settings.cluster import Gke
from planning.settings.gke import FlexStart, Reservation
from planning.settings.root import Settings
from planning.settings.servers import NvidiaGpu

NOTICE_NEEDS_VERSION = Rule("TU914", Severity.ERROR, "The cluster's version can give the notice that is asked for")
LOCAL_SSDS_OF_MACHINE = Rule("TU915", Severity.ERROR, "A pool's local SSDs are those that its machine takes")
NOT_FOR_SPOT = Rule("TU916", Severity.ERROR, "Reservations and flex-start are of on-demand pools")
FLOOR_ON_FLEX_START = Rule("TU917", Severity.WARNING, "A floor does not stand on nodes that end by themselves")
QUEUED_NODES = Rule("TU918", Severity.ERROR, "A server's pools start nodes for its pods")
POOL_OF_NO_NAME = Rule("TU919", Severity.ERROR, "A block of the cluster's pools is of one that the stack file has")
TOO_LITTLE_MAINTENANCE = Rule("TU920", Severity.ERROR, "Maintenance windows leave GKE the time that it needs")
FLEX_START_FROM_ZERO = Rule("TU921", Severity.ERROR, "A flex-start pool begins with no node")
POOL_NAME = Rule("TU923", Severity.ERROR, "A pool's name is free, and leaves room for what Pulumi appends")
SYSTEM_POOL_TOO_SMALL = Rule("TU924", Severity.ERROR, "The system pool has a node in every zone to begin with")

NOTHING_TO_STAND_IN = Rule("TU926", Severity.ERROR, "What stands in for spot nodes can be bought on demand")

GRACEFUL_SINCE = (1, 35)
"""Standard node pools take a longer notice from control plane 1.35.0-gke.1171000 on
(cloud.google.com/kubernetes-engine/docs/concepts/spot-vms)."""

LEAST_MAINTENANCE_HOURS = 48
"""In every 32 days (cloud.google.com/kubernetes-engine/docs/concepts/maintenance-windows-and-exclusions)."""

LONGEST_NAME = 32
"""A node pool's name has 40 characters at the most, of which Pulumi's random ending takes 8."""

_G2_SSDS: Mapping[str, int] = {
    "g2-standard-4": 1,
    "g2-standard-8": 1,
    "g2-standard-12": 1,
    "g2-standard-16": 1,
    "g2-standard-24": 2,
    "g2-standard-32": 1,
    "g2-standard-48": 4,
    "g2-standard-96": 8,
}
"""G2 machines take this many local SSDs or none (cloud.google.com/compute/docs/disks/local-ssd)."""


def check_gke(
    settings: Settings, cluster: Gke, at: Place, pools: Sequence[Pool], catalogue: Catalogue
) -> tuple[Finding, ...]:
    """`cluster` is the block of the stack file at `at`."""
    return (
        *_notice(cluster, at, pools, catalogue.clouds["gke"]),
        *_names(settings, cluster, at),
        *(finding for pool in pools for finding in _pool(pool, cluster, at)),
        *(finding for pool in pools for finding in _stand_in(pool, cluster, at, catalogue)),
        *_system(cluster, at),
        *_servers(settings, cluster),
        *_maintenance(cluster, at),
        *check_model_bucket(settings, cluster, at),
    )


def _field(at: Place, name: str) -> Place:
    return setting(f"{at.field}.{name}")


def _notice(cluster: Gke, at: Place, pools: Sequence[Pool], cloud: CloudFacts) -> Iterator[Finding]:
    major, minor = (int(part) for part in cluster.kubernetes.split("."))
    too_old = (major, minor) < GRACEFUL_SINCE
    if too_old and cluster.spot_notice.seconds > DEFAULT_NOTICE_S and any(pool.capacity == "spot" for pool in pools):
        yield Finding(
            rule=NOTICE_NEEDS_VERSION,
            at=_field(at, "spot_notice"),
            what=f"{cluster.spot_notice} is more than the {DEFAULT_NOTICE_S} s that GKE {cluster.kubernetes} gives"
            f" ({cloud.spot.max_requires}).",
            fix=f'Write {DEFAULT_NOTICE_S}s, or kubernetes: "{".".join(map(str, GRACEFUL_SINCE))}".',
        )


def _names(settings: Settings, cluster: Gke, at: Place) -> Iterator[Finding]:
    for name in cluster.pools:
        if name not in settings.gpu_pools:
            yield Finding(
                rule=POOL_OF_NO_NAME,
                at=_field(at, f"pools.{name}"),
                what=f"{name!r} is not one of gpu_pools.",
                fix=did_you_mean(name, settings.gpu_pools) + f"Pools are: {', '.join(settings.gpu_pools)}."
                if settings.gpu_pools
                else "Take it out.",
            )
    stand_ins = {stand_in(name) for name, own in cluster.pools.items() if own.without_spot == "on-demand"}
    for name in settings.gpu_pools:
        taken = name == SYSTEM_POOL
        if taken or name in stand_ins or len(name) > LONGEST_NAME:
            yield Finding(
                rule=POOL_NAME,
                at=setting(f"gpu_pools.{name}"),
                what=f"{name!r} is the name of the cluster's own pool."
                if taken
                else f"{name!r} is the name of what stands in for another pool."
                if name in stand_ins
                else f"{name!r} has {len(name)} characters, and with the ending GKE takes 40.",
                fix=f"Take another name, of {LONGEST_NAME} characters or fewer.",
            )


def _pool(pool: Pool, cluster: Gke, at: Place) -> Iterator[Finding]:
    own = cluster.pools.get(pool.name)
    if own is None:
        return
    where = f"pools.{pool.name}"
    kind = own.provisioning.kind
    if pool.capacity == "spot" and isinstance(own.provisioning, Reservation | FlexStart):
        yield Finding(
            rule=NOT_FOR_SPOT,
            at=_field(at, f"{where}.provisioning.kind"),
            what=f"{kind!r} is not to be had for {pool.name!r}, which is spot.",
            fix=f"Write `capacity: on-demand` in gpu_pools.{pool.name}, or take the block out.",
        )
    elif isinstance(own.provisioning, FlexStart) and pool.min_nodes:
        yield Finding(
            rule=FLEX_START_FROM_ZERO,
            at=setting(f"gpu_pools.{pool.name}.nodes.min"),
            what=f"{pool.min_nodes} nodes cannot be kept: flex-start ends each of them after {own.provisioning.run}.",
            fix="Write 0.",
        )
    machine = pool.machine.value.name if pool.machine else ""
    fitting = _G2_SSDS.get(machine)
    if own.local_ssds is not None and fitting is not None and own.local_ssds != fitting:
        yield Finding(
            rule=LOCAL_SSDS_OF_MACHINE,
            at=_field(at, f"{where}.local_ssds"),
            what=f"{own.local_ssds} local SSDs are not what {machine} takes.",
            fix=f"Write {fitting}, or leave it out.",
        )


def _stand_in(pool: Pool, cluster: Gke, at: Place, catalogue: Catalogue) -> Iterator[Finding]:
    own = cluster.pools.get(pool.name)
    if own is None or own.without_spot == "wait":
        return
    machine = pool.machine.value.name if pool.machine else ""
    sold = catalogue.machines_with("gke", pool.gpu.kind, pool.gpus_per_node, "on-demand")
    if pool.capacity == "spot" and machine in {each.name for each in sold}:
        return
    yield Finding(
        rule=NOTHING_TO_STAND_IN,
        at=_field(at, f"pools.{pool.name}.without_spot"),
        what=f"'on-demand' stands in for spot nodes, and {pool.name!r} has none."
        if pool.capacity != "spot"
        else f"'on-demand' cannot be had of {machine}, which is sold as spot alone.",
        fix="Write `wait`, or take it out.",
    )


def _system(cluster: Gke, at: Place) -> Iterator[Finding]:
    """GKE makes a pool with as many nodes in each zone."""
    zones = len(cluster.zones)
    if cluster.system.max < zones:
        yield Finding(
            rule=SYSTEM_POOL_TOO_SMALL,
            at=_field(at, "system.max"),
            what=f"{cluster.system.max} is less than the {zones} zones, each of which begins with a node.",
            fix=f"Write {zones} or more.",
        )


def _servers(settings: Settings, cluster: Gke) -> Iterator[Finding]:
    waiting = {name: own.provisioning for name, own in cluster.pools.items() if isinstance(own.provisioning, FlexStart)}
    for name, server in settings.servers.items():
        if not isinstance(server.gpu, NvidiaGpu):
            continue
        for pool in server.gpu.pools:
            flex = waiting.get(pool)
            if flex is None:
                continue
            if flex.queued:
                yield Finding(
                    rule=QUEUED_NODES,
                    at=setting(f"servers.{name}.gpu.pools"),
                    what=f"{pool!r} starts nodes for ProvisioningRequests alone, so pods of {name!r} wait for ever.",
                    fix=f"Take {pool!r} off this server, or write `queued: false` in its provisioning.",
                )
            else:
                yield Finding(
                    rule=FLOOR_ON_FLEX_START,
                    at=setting(f"servers.{name}.gpu.pools"),
                    what=f"Nodes of {pool!r} come when there are some, and end after {flex.run}: the floor of"
                    f" {name!r} goes with them.",
                    fix=f"Take {pool!r} off this server, or accept this with a reason.",
                )


def _maintenance(cluster: Gke, at: Place) -> Iterator[Finding]:
    window = cluster.maintenance
    hours = len(window.days) * (32 // 7) * window.length.seconds // 3600
    if hours < LEAST_MAINTENANCE_HOURS:
        needed = -(-LEAST_MAINTENANCE_HOURS // (len(window.days) * (32 // 7)))
        yield Finding(
            rule=TOO_LITTLE_MAINTENANCE,
            at=_field(at, "maintenance.length"),
            what=f"{window.length} on {len(window.days)} day(s) a week is {hours} h in 32 days, and GKE wants"
            f" {LEAST_MAINTENANCE_HOURS}.",
            fix=f"Write {needed}h, or add days.",
        )
