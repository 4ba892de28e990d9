"""The plan: what will exist, and why. Everything else (preview, reports, components, tests) reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planning.acceptance import Accepted
from planning.admission import PodRule
from planning.clusters.compute_class import PlannedComputeClass
from planning.clusters.made import Made
from planning.cost import PoolCost
from planning.derived import Derived
from planning.driver_canary import DriverCanary
from planning.engines.builder import PlannedBuilder
from planning.filling import PlannedFiller
from planning.findings import Finding, Severity
from planning.gpu_health import PlannedHealth
from planning.gpu_readiness import PlannedReadiness
from planning.gpu_software import PlannedDevicePlugin
from planning.karpenter import KarpenterThere
from planning.people import PlannedRole
from planning.pools import Pool
from planning.prometheus import PlannedPrometheus
from planning.prometheus_adapter import PlannedAdapter
from planning.quota import Quota
from planning.server import PlannedServer
from planning.settings.cluster import Platform
from planning.settings.root import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`made` is the cluster that the stack itself makes, `compute_class` what GKE's autoscaler is told of its pools,
    `prometheus` what collects metrics and `adapter` what serves them, where the stack installs those, `device_plugins`
    what it installs on GPU nodes, `gpu_readiness` the program that takes the start-up taint off them, `gpu_health` the
    one that empties those whose GPU has failed, `drivers` what tries a driver before a pool has it, `builder` what
    builds engines that are missing (None where nobody may, or none is), `filler` what fills the volume of models (None
    where pods have none). `servers` lacks those that an error keeps from being planned: where `errors` is not empty,
    nothing may be made of it."""

    settings: Settings
    platform: Platform
    made: Made | None
    karpenter: KarpenterThere | None
    prometheus: PlannedPrometheus | None
    adapter: PlannedAdapter | None
    compute_class: PlannedComputeClass | None
    namespace: str
    pod_security: str
    pod_rules: tuple[Derived[PodRule], ...]
    quota: Quota
    people: tuple[PlannedRole, ...]
    priority_class: str
    headroom_class: str
    labels: Mapping[str, str]
    pools: tuple[Pool, ...]
    device_plugins: tuple[PlannedDevicePlugin, ...]
    gpu_readiness: PlannedReadiness | None
    gpu_health: PlannedHealth | None
    drivers: tuple[DriverCanary, ...]
    servers: tuple[PlannedServer, ...]
    builder: PlannedBuilder | None
    filler: PlannedFiller | None
    cost: tuple[PoolCost, ...]
    findings: tuple[Finding, ...]
    accepted: tuple[Accepted, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)
