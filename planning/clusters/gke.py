"""A GKE cluster as planned: everything that `components/clusters/gke` makes, and why it is so.

What the stack file leaves open is decided here for the safe side, and is not asked for: private nodes, Dataplane V2
(which enforces NetworkPolicies), Workload Identity, Shielded nodes with secure boot, Container-Optimized OS, repair and
upgrades on a release channel, control-plane logs, VPC flow logs, cost allocation. The ids are of the CIS Google
Kubernetes Engine Benchmark 1.6 to 1.9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from planning.catalogue import Catalogue
from planning.clusters.gke_costs import ClusterCost, plan_cluster_costs, plan_quotas
from planning.clusters.gke_models import ModelsAccess, plan_models_access
from planning.clusters.gke_network import GkeNetwork, plan_network
from planning.clusters.gke_pools import NodePoolPlan, plan_gpu_pools, plan_system_pool
from planning.clusters.gke_rules import check_gke
from planning.clusters.quotas import Quota, check_quotas
from planning.cost import PoolCost
from planning.derived import Derived
from planning.findings import Finding, Place, setting
from planning.pools import Pool
from planning.server import PlannedServer
from planning.settings.cluster import DnsEndpoint, Gke, OpenEndpoint, PrivateEndpoint
from planning.settings.gke import GivenKey, GkePool, GoogleKey, MadeKey
from planning.settings.root import Settings

NODE_ROLES = (
    Derived(
        "roles/container.defaultNodeServiceAccount",
        "it is the least that GKE's own agents need: logs, metrics and autoscaling metrics (CIS 5.2.1)",
    ),
    Derived("roles/artifactregistry.reader", "nodes pull the images of this project's registry"),
)
"""cloud.google.com/kubernetes-engine/security/configure-node-service-accounts."""

LOGS = ("SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER")
METRICS = ("SYSTEM_COMPONENTS", "APISERVER", "SCHEDULER", "CONTROLLER_MANAGER")

KEY_ROTATION_DAYS = 90
"""CIS Google Cloud Platform Foundation Benchmark 1.10: KMS keys are changed within 90 days."""

MAINTENANCE_FROM = "2026-01-01"
"""The day from which windows recur. GKE wants one; any that is past does."""

_DAYS = {"mon": "MO", "tue": "TU", "wed": "WE", "thu": "TH", "fri": "FR", "sat": "SA", "sun": "SU"}
_SCOPES = {
    "upgrades": "NO_UPGRADES",
    "minor-upgrades": "NO_MINOR_UPGRADES",
    "minor-or-node-upgrades": "NO_MINOR_OR_NODE_UPGRADES",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ByName:
    """Through the DNS-based endpoint, by IAM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByAddress:
    """On the public address, from `networks` alone."""

    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """On the private address, from the cluster's network."""


Access = ByName | ByAddress | Inside

Key = Literal["made", "google"] | GivenKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    name: str
    start: str
    end: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`start` and `end` of the first window, RFC 3339 in UTC, and how it recurs (RFC 5545)."""

    start: str
    end: str
    recurrence: str
    exclusions: tuple[Exclusion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedGke:
    """`labels` are those that Google Cloud takes. `system` and `pools` are all the nodes that there are."""

    project: str
    region: str
    zones: Derived[tuple[str, ...]]
    kubernetes: Derived[str]
    channel: Derived[str]
    network: GkeNetwork
    access: Derived[Access]
    key: Derived[Key]
    deletion_protection: Derived[bool]
    window: Derived[Window]
    binary_authorization: Derived[bool]
    image_streaming: Derived[bool]
    managed_prometheus: Derived[bool]
    filestore: Derived[bool]
    security_group: str | None
    logs: Derived[tuple[str, ...]]
    metrics: Derived[tuple[str, ...]]
    node_roles: tuple[Derived[str], ...]
    system: NodePoolPlan
    pools: tuple[NodePoolPlan, ...]
    models: ModelsAccess | None
    quotas: tuple[Quota, ...]
    costs: tuple[ClusterCost, ...]
    labels: Mapping[str, str]

    @property
    def answers_outside(self) -> bool:
        """Whether the program that makes the cluster can also put anything on it."""
        return not isinstance(self.access.value, Inside)

    @property
    def workload_pool(self) -> str:
        """The identity pool of the project's clusters."""
        return f"{self.project}.svc.id.goog"


def plan_gke(
    settings: Settings,
    cluster: Gke,
    at: Place,
    pools: Sequence[Pool],
    servers: Sequence[PlannedServer],
    costs: Sequence[PoolCost],
    catalogue: Catalogue,
) -> tuple[PlannedGke | None, tuple[Finding, ...]]:
    """`cluster`, whose block of the stack file is at `at`, with those of its `pools` that could be planned."""
    cloud = catalogue.clouds["gke"]
    system = plan_system_pool(cluster)
    plans = tuple(
        plan
        for pool in pools
        for plan in plan_gpu_pools(
            pool, settings.gpu_pools[pool.name], cluster.pools.get(pool.name, GkePool()), cluster, servers, cloud
        )
    )
    network, of_network = plan_network(cluster, at, [plan.demand for plan in (system, *plans)])
    quotas = plan_quotas(cluster, plans, pools)
    found = (
        *check_gke(settings, cluster, at, pools, catalogue),
        *of_network,
        *check_quotas(quotas, cluster.granted, setting(f"{at.field}.granted")),
    )
    if network is None:
        return None, found
    where = at.field
    return PlannedGke(
        project=cluster.project,
        region=cluster.region,
        zones=Derived(tuple(cluster.zones), f"{where}.zones says so; the control plane is in all zones of the region"),
        kubernetes=Derived(cluster.kubernetes, f"{where}.kubernetes says so; the channel moves it on"),
        channel=Derived(cluster.release_channel.upper(), f"{where}.release_channel says so (CIS 5.5.4)"),
        network=network,
        access=_access(cluster, where),
        key=_key(cluster, where),
        deletion_protection=Derived(cluster.deletion_protection, f"{where}.deletion_protection says so"),
        window=Derived(_window(cluster), f"{where}.maintenance says so"),
        filestore=Derived("filestore" in cluster.volumes, f"{where}.volumes says so"),
        binary_authorization=Derived(cluster.binary_authorization, f"{where}.binary_authorization says so"),
        image_streaming=Derived(cluster.image_streaming, f"{where}.image_streaming says so"),
        managed_prometheus=Derived(cluster.managed_prometheus, f"{where}.managed_prometheus says so"),
        security_group=cluster.security_group,
        logs=Derived(LOGS, "who did what to the API is known afterwards (CIS 5.7.1)"),
        metrics=Derived(METRICS, "the control plane's own health is seen (CIS 5.7.1)"),
        node_roles=NODE_ROLES,
        system=system,
        pools=plans,
        models=plan_models_access(settings, cluster),
        quotas=quotas,
        costs=plan_cluster_costs(cluster, system, costs),
        labels=cloud_labels(settings.labels),
    ), found


def _access(cluster: Gke, where: str) -> Derived[Access]:
    match cluster.endpoint:
        case OpenEndpoint(allow=allow):
            return Derived(ByAddress(networks=tuple(allow)), f"{where}.endpoint allows them (CIS 5.6.3)")
        case DnsEndpoint():
            return Derived(ByName(), f"{where}.endpoint is by name: IAM decides who connects, and no address is open")
        case PrivateEndpoint():
            return Derived(Inside(), f"{where}.endpoint is private (CIS 5.6.4)")


def _key(cluster: Gke, where: str) -> Derived[Key]:
    match cluster.encryption:
        case MadeKey():
            return Derived("made", "secrets and node disks have a key that can be taken away (CIS 5.3.1, 5.9.2)")
        case GivenKey() as given:
            return Derived(given, f"{where}.encryption names it")
        case GoogleKey():
            return Derived("google", f"{where}.encryption leaves it to Google")


def _window(cluster: Gke) -> Window:
    wanted = cluster.maintenance
    hour, minute = (int(part) for part in wanted.start.split(":"))
    ends = hour * 60 + minute + wanted.length.seconds // 60
    days, rest = divmod(ends, 24 * 60)
    first = int(MAINTENANCE_FROM[-2:])
    return Window(
        start=f"{MAINTENANCE_FROM}T{wanted.start}:00Z",
        end=f"{MAINTENANCE_FROM[:-2]}{first + days:02d}T{rest // 60:02d}:{rest % 60:02d}:00Z",
        recurrence=f"FREQ=WEEKLY;BYDAY={','.join(_DAYS[day] for day in wanted.days)}",
        exclusions=tuple(
            Exclusion(name=one.name, start=one.start, end=one.end, scope=_SCOPES[one.without])
            for one in wanted.exclusions
        ),
    )


def cloud_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Kubernetes labels as Google Cloud takes them: lower case, and nothing but letters, digits, `-` and `_`
    (cloud.google.com/resource-manager/docs/labels-overview)."""
    return {
        re.sub(r"[^a-z0-9_-]", "-", key.lower())[:63]: re.sub(r"[^a-z0-9_-]", "-", value.lower())[:63]
        for key, value in sorted(labels.items())
    }
