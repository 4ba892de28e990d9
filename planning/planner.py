"""`plan(settings, repository, catalogue) -> Plan`: the one function that decides."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from planning.admission import plan_admission
from planning.arguments import plan_arguments
from planning.caching import check_cache, plan_cache
from planning.catalogue import Catalogue
from planning.clusters.compute_class import check_compute_classes, plan_compute_class
from planning.clusters.eks import PlannedEks
from planning.clusters.made import plan_eks_below, plan_made
from planning.controllers import check_controllers
from planning.cost import plan_cost
from planning.derived import Derived
from planning.disruption import plan_disruption, plan_rollout, plan_spread
from planning.draining import check_pace, plan_drain
from planning.driver_canary import plan_driver_canaries
from planning.engines.builder import PlannedBuilder, plan_jobs
from planning.engines.needed import ServerEngines, plan_engines
from planning.engines.settings import builder_of
from planning.fetching import check_fetching, delivery_of
from planning.filling import plan_filler
from planning.findings import Finding, Rule, Severity, setting
from planning.gpu_health import plan_gpu_health
from planning.gpu_readiness import plan_gpu_readiness
from planning.gpu_software import plan_device_plugins
from planning.headroom import plan_headroom
from planning.images import ImageLock, ImageRef
from planning.karpenter import plan_karpenter
from planning.lanes import Lane, plan_lanes, unknown_pools
from planning.memory import Image, check_memory, plan_memory
from planning.network import plan_bucket_network, plan_network
from planning.people import check_people, plan_people
from planning.plan import Accepted, Plan
from planning.planned_pools import plan_pools
from planning.pools import Pool
from planning.profiles.checks import check_profiles
from planning.prometheus import plan_prometheus
from planning.prometheus_adapter import plan_adapter
from planning.promises import check_promises
from planning.proxy import plan_proxy, with_proxy
from planning.quota import plan_quota
from planning.release import packed_here, plan_image, plan_programs_image, plan_proxy_image, plan_release
from planning.repository.checks import OnnxSupport, check_gpus, check_opsets, check_repository
from planning.repository.model import Repository
from planning.repository.served import ServedSet, called_by, served_models
from planning.rooms import Demand, check_rooms, with_spare_place
from planning.scaling import plan_scaling
from planning.server import PlannedLane, PlannedServer
from planning.settings.cluster import described, platform_of
from planning.settings.root import Acceptance, Settings
from planning.settings.servers import NvidiaGpu, Triton
from planning.signing import check_signing
from planning.startup import boot_of_cpu_nodes, plan_patience, plan_startup, slowest_boot
from planning.storage import builders_bucket, plan_storage
from planning.system_nodes import plan_system_nodes
from planning.volumes import check_volume

NOTHING_ACCEPTED = Rule("TU121", Severity.WARNING, "An acceptance accepts something")


def plan(settings: Settings, repository: Repository, catalogue: Catalogue, lock: ImageLock) -> Plan:
    """What `settings` ask for, decided. Pure: the same arguments give the same plan."""
    pools, findings = plan_pools(settings, catalogue)
    by_name = {pool.name: pool for pool in pools}
    found = [*findings, *check_repository(repository, allow_python=settings.security.python_models)]
    servers: list[PlannedServer] = []
    served: dict[str, ServedSet | tuple[Finding, ...]] = {}
    engines: dict[str, ServerEngines] = {}
    of_engines: dict[str, tuple[Finding, ...]] = {}
    lanes: dict[str, tuple[Lane, ...]] = {}
    of_lanes: dict[str, tuple[Finding, ...]] = {}
    for name, server in settings.servers.items():
        engines[name], of_engines[name] = _engines(name, server, settings, repository, by_name, catalogue)
        lanes[name], of_lanes[name] = plan_lanes(name, server, {pool.name: pool for pool in engines[name].pools})
    demands = [
        Demand(server=name, lane=lane, gpus=_gpus(server), cpu=cpu, memory=memory)
        for name, server in settings.servers.items()
        for cpu, memory in [with_proxy(server.resources.cpu, server.resources.memory)]
        for lane in lanes[name]
        if lane.pools
    ]
    spare = with_spare_place(demands)
    proxy_image, of_proxy = plan_proxy_image(settings, lock)
    found += of_proxy
    runs_programs = delivery_of(settings.model_repository) or builder_of(settings.model_repository)
    programs_image, of_programs = plan_programs_image(settings, lock) if runs_programs else (None, ())
    found += of_programs
    for name, server in settings.servers.items():
        found += [*unknown_pools(name, server, list(settings.gpu_pools)), *of_lanes[name]]
        with_engines = replace(repository, models={**repository.models, **engines[name].models})
        served[name] = served_models(with_engines, server.models, field=f"servers.{name}.models")
        planned, own = _server(
            name,
            server,
            settings,
            repository,
            by_name,
            engines[name],
            served[name],
            lanes[name],
            spare,
            catalogue,
            lock,
            proxy_image,
            programs_image,
        )
        found += [*own, *of_engines[name]]
        if planned is not None:
            servers.append(planned)
    builder = _builder(settings, servers, repository, by_name, programs_image, catalogue)
    filler = plan_filler(settings, servers, programs_image, catalogue)
    found += check_volume(settings, [one for one in served.values() if isinstance(one, ServedSet)])
    gpus = {name: _gpus(server) for name, server in settings.servers.items()}
    found += [*check_signing(settings.model_repository), *check_fetching(settings.model_repository)]
    beside = [one for one in (builder, filler) if one is not None]
    secrets = [
        *(secret for server in servers for secret in server.secrets),
        *(name for one in beside for name in one.secrets),
    ]
    found += check_people(settings.security.people, secrets)
    found += check_rooms(demands)
    found += check_compute_classes(settings, lanes)
    found += check_controllers(
        settings,
        scaled=[name for name, own in lanes.items() if any(lane.scaled for lane in own)],
        on_gpus=[name for name, count in gpus.items() if count],
    )
    device_plugins, of_plugins = plan_device_plugins(settings, pools, lock)
    found += of_plugins
    gpu_readiness, of_nodes = plan_gpu_readiness(settings, pools, lock)
    found += of_nodes
    gpu_health, of_health = plan_gpu_health(settings, pools, lock)
    found += of_health
    drivers, of_drivers = plan_driver_canaries(settings, pools, servers)
    found += of_drivers
    cost = plan_cost(pools, servers, _region(settings), catalogue)
    made, of_cluster = plan_made(settings, pools, servers, cost, catalogue)
    below, of_other = plan_eks_below(settings, pools, servers, cost, catalogue)
    here = made if isinstance(made, PlannedEks) else below
    karpenter, of_karpenter = plan_karpenter(settings, here, catalogue, lock)
    nodes = plan_system_nodes(settings, here)
    prometheus, of_prometheus = plan_prometheus(settings, nodes, lock)
    adapter, of_adapter = plan_adapter(settings, nodes, catalogue, lock)
    found += [*of_cluster, *of_other, *of_karpenter, *of_prometheus, *of_adapter]
    # A model that two servers serve is looked at for each.
    remaining, accepted = _accept(list(dict.fromkeys(found)), settings.accept)
    return Plan(
        settings=settings,
        platform=platform_of(settings.cluster),
        made=made,
        karpenter=karpenter,
        prometheus=prometheus,
        adapter=adapter,
        compute_class=plan_compute_class(settings, pools),
        namespace=settings.namespace,
        pod_security=f"v{_kubernetes(settings)}",
        pod_rules=plan_admission(
            [
                *(image for server in servers for image in server.images),
                *(one.programs.value for one in beside),
            ],
            secrets,
        ),
        quota=plan_quota(servers, len(builder.jobs) if builder else 0, drivers, len(filler.jobs) if filler else 0),
        people=plan_people(settings.security.people),
        priority_class=f"{settings.namespace}-serving",
        headroom_class=f"{settings.namespace}-headroom",
        labels=dict(settings.labels),
        pools=pools,
        device_plugins=device_plugins,
        gpu_readiness=gpu_readiness,
        gpu_health=gpu_health,
        drivers=drivers,
        servers=tuple(servers),
        builder=builder,
        filler=filler,
        cost=cost,
        findings=remaining,
        accepted=accepted,
    )


def _server(
    name: str,
    server: Triton,
    settings: Settings,
    repository: Repository,
    pools: Mapping[str, Pool],
    engines: ServerEngines,
    served: ServedSet | tuple[Finding, ...],
    lanes: Sequence[Lane],
    spare: Collection[str],
    catalogue: Catalogue,
    lock: ImageLock,
    proxy_image: Derived[ImageRef] | None,
    programs_image: Derived[ImageRef] | None,
) -> tuple[PlannedServer | None, tuple[Finding, ...]]:
    """The server on its `lanes` if all of it could be planned, and what was found. `spare`: deployments that can
    have one pod more while they are rolled out."""
    found: list[Finding] = []
    mine = engines.pools
    release, of_release = plan_release(name, server, settings, _pools_of(server, pools), catalogue)
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
        return None, tuple(found)
    found += [finding for model in served.models for finding in check_gpus(model, _gpus(server))]
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
        return None, tuple(found)
    startup = plan_startup(server, served, storage.source)
    boot = slowest_boot(mine, boot_of_cpu_nodes(settings))
    planned = PlannedServer(
        name=name,
        release=release,
        image=image,
        served=served,
        engines=engines.needed,
        storage=storage,
        arguments=(
            *plan_arguments(server.release, storage.repository, drain, gpu=_gpus(server) > 0),
            *plan_cache(server.response_cache, server.resources.cpu),
        ),
        cache=server.response_cache,
        gpus=_gpus(server),
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
    return planned, tuple(found)


def _engines(
    name: str,
    server: Triton,
    settings: Settings,
    repository: Repository,
    pools: Mapping[str, Pool],
    catalogue: Catalogue,
) -> tuple[ServerEngines, tuple[Finding, ...]]:
    """What the server's TensorRT models need. Where its release is not known, nothing can be said."""
    mine = _pools_of(server, pools)
    release = catalogue.release(server.release)
    if release is None:
        return ServerEngines(needed=(), models={}, pools=mine), ()
    return plan_engines(
        name,
        called_by(repository, server.models),
        repository,
        mine,
        settings.gpu_pools,
        release,
        builder=builder_of(settings.model_repository) is not None,
    )


def _builder(
    settings: Settings,
    servers: Sequence[PlannedServer],
    repository: Repository,
    pools: Mapping[str, Pool],
    programs: Derived[ImageRef] | None,
    catalogue: Catalogue,
) -> PlannedBuilder | None:
    wanted, bucket = builder_of(settings.model_repository), builders_bucket(settings)
    if wanted is None or bucket is None or programs is None:
        return None
    jobs = plan_jobs(servers, repository, pools, wanted)
    return (
        PlannedBuilder(
            bucket=bucket,
            programs=programs,
            seconds=wanted.within.seconds,
            jobs=jobs,
            network=plan_bucket_network(
                settings, bucket, catalogue, who="the builder", how="fetched and engines published"
            ),
        )
        if jobs
        else None
    )


def _gpus(server: Triton) -> int:
    return server.gpu.count if isinstance(server.gpu, NvidiaGpu) else 0


def _pools_of(server: Triton, pools: Mapping[str, Pool]) -> tuple[Pool, ...]:
    if not isinstance(server.gpu, NvidiaGpu):
        return ()
    return tuple(pools[name] for name in server.gpu.pools if name in pools)


def _kubernetes(settings: Settings) -> str:
    cluster = described(settings.cluster)
    return cluster.kubernetes


def _region(settings: Settings) -> str | None:
    cluster = described(settings.cluster)
    return cluster.region if cluster.kind == "gke" or cluster.kind == "eks" else None


def _accept(
    found: Sequence[Finding], acceptances: Sequence[Acceptance]
) -> tuple[tuple[Finding, ...], tuple[Accepted, ...]]:
    """Warnings that the stack file accepts, apart from the rest. Errors stay, and keep us from telling which
    acceptances are idle, but for those of errors: what cannot be planned cannot be warned about."""
    remaining: list[Finding] = []
    accepted: list[Accepted] = []
    used: set[int] = set()
    for finding in found:
        for index, acceptance in enumerate(acceptances):
            fits = acceptance.rule == finding.rule.id and acceptance.at in (None, finding.at.field)
            if fits and finding.severity is Severity.WARNING:
                accepted.append(Accepted(finding=finding, reason=acceptance.reason))
                used.add(index)
                break
        else:
            remaining.append(finding)
    errors = {finding.rule.id for finding in remaining if finding.severity is Severity.ERROR}
    warned = {finding.finding.rule.id for finding in accepted}
    for index, acceptance in enumerate(acceptances):
        if index in used or (errors and acceptance.rule not in errors):
            continue
        where = f" at {acceptance.at}" if acceptance.at else ""
        if acceptance.rule in errors:
            what = f"{acceptance.rule} is an error, which cannot be accepted."
        elif acceptance.rule in warned:
            what = f"{acceptance.rule} warns of nothing{where} that an entry before does not accept."
        else:
            what = f"{acceptance.rule} is not a warning of this plan{where}."
        remaining.append(
            Finding(rule=NOTHING_ACCEPTED, at=setting(f"accept[{index}].rule"), what=what, fix="Take the entry out.")
        )
    return tuple(remaining), tuple(accepted)
