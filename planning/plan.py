"""The plan: what will exist, and why. Everything else (preview, reports, components, tests) reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from planning.arguments import Argument
from planning.catalogue.releases import TritonRelease
from planning.cost import PoolCost
from planning.derived import Derived
from planning.disruption import Disruption, Rollout, Spread
from planning.draining import Drain
from planning.engines import EngineKey
from planning.findings import Finding, Severity
from planning.images import ImageRef
from planning.lanes import Lane
from planning.memory import ServerMemory
from planning.network import Allowance
from planning.pools import Pool
from planning.repository.served import ServedSet
from planning.scaling import Scaling
from planning.settings.root import Settings
from planning.settings.scalars import Cpu, Memory
from planning.settings.servers import Exposure
from planning.startup import Patience, Startup
from planning.storage import Storage

Platform = Literal["gke", "eks", "other"]
"""Whose load balancers, DNS and identity the cluster has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLane:
    """One Deployment and its scaler."""

    lane: Lane
    rollout: Rollout
    over_zones: Derived[Spread]
    over_nodes: Derived[Spread]
    scaling: Scaling
    patience: Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedServer:
    """One server: its lanes behind one Service. `gpus` is 0 for a server without GPU."""

    name: str
    release: TritonRelease
    image: Derived[ImageRef]
    served: ServedSet
    engines: tuple[EngineKey, ...]
    storage: Storage
    arguments: tuple[Argument, ...]
    gpus: int
    cpu: Cpu
    memory: Memory
    needs: ServerMemory
    lanes: tuple[PlannedLane, ...]
    startup: Startup
    drain: Drain
    disruption: Disruption
    exposure: Exposure
    network: tuple[Allowance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A warning that the stack file accepts, with its reason."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`servers` lacks those that an error keeps from being planned: where `errors` is not empty, nothing may be
    made from the plan."""

    settings: Settings
    platform: Platform
    namespace: str
    pod_security: str
    priority_class: str
    labels: Mapping[str, str]
    pools: tuple[Pool, ...]
    servers: tuple[PlannedServer, ...]
    cost: tuple[PoolCost, ...]
    findings: tuple[Finding, ...]
    accepted: tuple[Accepted, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)
