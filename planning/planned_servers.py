"""The servers of a stack file as planned.

First each by itself: which engines it needs, its lanes, what it serves. Then, when it is known what all of them ask for
and which images there are, its pods.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from planning.arguments import plan_arguments
from planning.caching import check_cache, plan_cache
from planning.catalogue import Catalogue
from planning.derived import Derived
from planning.disruption import plan_disruption, plan_rollout, plan_spread
from planning.draining import check_pace, plan_drain
from planning.engines.needed import ServerEngines, plan_engines
from planning.engines.settings import builder_of
from planning.findings import Finding
from planning.headroom import plan_headroom
from planning.images import ImageLock, ImageRef
from planning.lanes import Lane, plan_lanes, unknown_pools
from planning.memory import Image, check_memory, plan_memory
from planning.network import plan_network
from planning.pools import Pool
from planning.profiles.checks import check_profiles
from planning.promises import check_promises
from planning.proxy import plan_proxy, with_proxy
from planning.release import packed_here, plan_image, plan_release
from planning.repository.checks import OnnxSupport, check_gpus, check_opsets
from planning.repository.model import Repository
from planning.repository.served import ServedSet, called_by, served_models
from planning.rooms import Demand
from planning.scaling import plan_scaling
from planning.server import PlannedLane, PlannedServer
from planning.settings.root import Settings
from planning.settings.servers import NvidiaGpu, Triton
from planning.startup import boot_of_cpu_nodes, plan_patience, plan_startup, slowest_boot
from planning.storage import plan_storage


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftedServer:
    """A server by itself. `pools` are those that it names, of which `engines` may leave fewer to stand on; `served` is
    what it serves with the engines that are built, or why it cannot."""

    name: str
    wanted: Triton
    pools: tuple[Pool, ...]
    engines: ServerEngines
    lanes: tuple[Lane, ...]
    served: ServedSet | tuple[Finding, ...]
    of_lanes: tuple[Finding, ...]
    of_engines: tuple[Finding, ...]

    @property
    def gpus(self) -> int:
        return self.wanted.gpu.count if isinstance(self.wanted.gpu, NvidiaGpu) else 0

    @property
    def demands(self) -> tuple[Demand, ...]:
        """What its lanes ask their pools for."""
        cpu, memory = with_proxy(self.wanted.resources.cpu, self.wanted.resources.memory)
        return tuple(
            Demand(server=self.name, lane=lane, gpus=self.gpus, cpu=cpu, memory=memory)
            for lane in self.lanes
            if lane.pools
        )


def draft_server(
    name: str,
    wanted: Triton,
    settings: Settings,
    repository: Repository,
    pools: Mapping[str, Pool],
    catalogue: Catalogue,
) -> DraftedServer:
    """`pools` are all of the stack that could be planned, by name."""
    mine = tuple(pools[pool] for pool in wanted.gpu.pools if pool in pools) if isinstance(wanted.gpu, NvidiaGpu) else ()
    engines, of_engines = _engines(name, wanted, settings, repository, mine, catalogue)
    lanes, of_lanes = plan_lanes(name, wanted, {pool.name: pool for pool in engines.pools})
    with_engines = replace(repository, models={**repository.models, **engines.models})
    return DraftedServer(
        name=name,
        wanted=wanted,
        pools=mine,
        engines=engines,
        lanes=lanes,
        served=served_models(with_engines, wanted.models, field=f"servers.{name}.models"),
        of_lanes=(*unknown_pools(name, wanted, list(settings.gpu_pools)), *of_lanes),
        of_engines=of_engines,
    )


def _engines(
    name: str,
    wanted: Triton,
    settings: Settings,
    repository: Repository,
    pools: tuple[Pool, ...],
    catalogue: Catalogue,
) -> tuple[ServerEngines, tuple[Finding, ...]]:
    """What the server's TensorRT models need. Where its release is not known, nothing can be said."""
    release = catalogue.release(wanted.release)
    if release is None:
        return ServerEngines(needed=(), models={}, pools=pools), ()
    return plan_engines(
        name,
        called_by(repository, wanted.models),
        repository,
        pools,
        settings.gpu_pools,
        release,
        builder=builder_of(settings.model_repository) is not None,
    )


def plan_server(
    draft: DraftedServer,
    settings: Settings,
    repository: Repository,
    catalogue: Catalogue,
    lock: ImageLock,
    *,
    spare: Collection[str],
    proxy_image: Derived[ImageRef] | None,
    programs_image: Derived[ImageRef] | None,
) -> tuple[PlannedServer | None, tuple[Finding, ...]]:
    """The server if all of it could be planned, and what was found. `spare`: deployments that can have one pod more
    while they are rolled out."""
    name, server, served, lanes = draft.name, draft.wanted, draft.served, draft.lanes
    mine = draft.engines.pools
    found = [*draft.of_lanes]
    release, of_release = plan_release(name, server, settings, draft.pools, catalogue)
    found += of_release
    image, of_image = plan_image(name, server, settings, lock) if release else (None, ())
    found += of_image
    drain = plan_drain(name, server.drain.slowest_request.seconds, mine)
    if isinstance(drain, Finding):
        found.append(drain)
    else:
        found += check_pace(name, drain, mine)
    if not isinstance(served, ServedSet):
        found += served
        return None, (*found, *draft.of_engines)
    found += [finding for model in served.models for finding in check_gpus(model, draft.gpus)]
    if release is not None and (onnx := OnnxSupport.of(release)) is not None:
        found += [finding for model in served.models for finding in check_opsets(model, onnx)]
    found += check_promises(name, server, repository.models)
    found += check_profiles(name, server, served.models, mine)
    found += check_cache(name, server, served.models)
    storage, of_storage = plan_storage(settings, name, served, programs_image)
    found += of_storage
    whose = Image.PACKED_HERE if packed_here(server, settings) else Image.NVIDIA
    needs = plan_memory(server, served.models, whose, storage.in_memory.bytes if storage else 0)
    found += check_memory(name, server, needs, mine)
    disruption, of_disruption = plan_disruption(name, server.replicas.floor)
    found += of_disruption
    headroom, of_headroom = plan_headroom(name, server, lanes, settings, lock)
    found += of_headroom
    rollouts = [plan_rollout(lane, spare=lane.deployment in spare) for lane in lanes]
    found += [finding for _, of_rollout in rollouts for finding in of_rollout]
    if release is None or image is None or proxy_image is None or isinstance(drain, Finding) or storage is None:
        return None, (*found, *draft.of_engines)
    startup = plan_startup(server, served, storage.source)
    boot = slowest_boot(mine, boot_of_cpu_nodes(settings))
    planned = PlannedServer(
        name=name,
        release=release,
        image=image,
        served=served,
        engines=draft.engines.needed,
        storage=storage,
        arguments=(
            *plan_arguments(server.release, storage.repository, drain, gpu=draft.gpus > 0),
            *plan_cache(server.response_cache, server.resources.cpu),
        ),
        cache=server.response_cache,
        gpus=draft.gpus,
        cpu=server.resources.cpu,
        memory=server.resources.memory,
        needs=needs,
        lanes=tuple(
            PlannedLane(
                lane=lane,
                rollout=rollout,
                over_zones=over_zones,
                over_nodes=over_nodes,
                scaling=plan_scaling(server, lane, served.models),
                patience=plan_patience(startup, drain.grace.value, boot, lane, rollout),
            )
            for lane, (rollout, _), (over_zones, over_nodes) in zip(
                lanes, rollouts, map(plan_spread, lanes), strict=True
            )
        ),
        startup=startup,
        drain=drain,
        proxy=plan_proxy(
            server=name,
            connection_age_s=drain.connection_age.value,
            pre_stop_s=drain.pre_stop.value,
            slowest_request_s=drain.exit_timeout.value,
        ),
        proxy_image=proxy_image,
        disruption=disruption,
        headroom=headroom,
        exposure=server.exposure,
        network=plan_network(settings, server, storage, catalogue),
    )
    return planned, (*found, *draft.of_engines)
