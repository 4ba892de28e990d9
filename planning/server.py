"""One server as planned: its lanes, and every number of its pods."""

from __future__ import annotations

from dataclasses import dataclass

from planning.arguments import Argument
from planning.caching import secrets_of
from planning.catalogue.releases import TritonRelease
from planning.derived import Derived
from planning.disruption import Disruption, Rollout, Spread
from planning.draining import Drain
from planning.engines.needed import NeededEngine
from planning.headroom import PlannedHeadroom
from planning.images import ImageRef
from planning.lanes import Lane
from planning.memory import ServerMemory
from planning.model_versions import ModelVersion, plan_model_versions
from planning.network import Allowance
from planning.proxy import Proxy, with_proxy
from planning.repository.served import ServedSet
from planning.scaling import Scaling
from planning.settings.caching import ResponseCache
from planning.settings.quantities import Cpu, Memory
from planning.settings.servers import Exposure
from planning.startup import Patience, Startup
from planning.storage import FetchedSource, FilledSource, Storage


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
    """One server: its lanes behind one Service. `gpus` is 0 for a server without GPU; `cpu` and `memory` are Triton's
    own."""

    name: str
    release: TritonRelease
    image: Derived[ImageRef]
    served: ServedSet
    engines: tuple[NeededEngine, ...]
    storage: Storage
    arguments: tuple[Argument, ...]
    cache: ResponseCache | None
    gpus: int
    cpu: Cpu
    memory: Memory
    needs: ServerMemory
    lanes: tuple[PlannedLane, ...]
    startup: Startup
    drain: Drain
    proxy: Proxy
    proxy_image: Derived[ImageRef]
    disruption: Disruption
    headroom: PlannedHeadroom | None
    exposure: Exposure
    network: tuple[Allowance, ...]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the Secrets that its pods read."""
        source = self.storage.source
        keys = source.bucket.secrets if isinstance(source, FetchedSource) else ()
        return (*keys, *secrets_of(self.cache))

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """What its pods run, and those that keep places for them."""
        source = self.storage.source
        fetcher = (source.image.value,) if isinstance(source, FetchedSource | FilledSource) else ()
        pauses = (self.headroom.image.value,) if self.headroom is not None else ()
        return self.image.value, self.proxy_image.value, *fetcher, *pauses

    @property
    def model_versions(self) -> tuple[ModelVersion, ...]:
        return plan_model_versions(self.name, self.served, self.storage)

    @property
    def pod(self) -> tuple[Cpu, Memory]:
        """What a pod of it requests, the proxy included."""
        return with_proxy(self.cpu, self.memory)
