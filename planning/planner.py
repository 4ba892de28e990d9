"""`plan(settings, repository, catalogue) -> Plan`: the one function that decides."""

from __future__ import annotations

from planning.acceptance import accept
from planning.admission import plan_admission
from planning.catalogue import Catalogue
from planning.clusters.compute_class import check_compute_classes, plan_compute_class
from planning.clusters.eks import PlannedEks
from planning.clusters.made import plan_eks_below, plan_made
from planning.controllers import check_controllers
from planning.cost import plan_cost
from planning.driver_canary import plan_driver_canaries
from planning.engines.builder import plan_builder
from planning.engines.settings import builder_of
from planning.fetching import check_fetching, delivery_of
from planning.filling import plan_filler
from planning.gpu_health import plan_gpu_health
from planning.gpu_readiness import plan_gpu_readiness
from planning.gpu_software import plan_device_plugins
from planning.images import ImageLock
from planning.karpenter import plan_karpenter
from planning.people import check_people, plan_people
from planning.plan import Plan
from planning.planned_pools import plan_pools
from planning.planned_servers import draft_server, plan_server
from planning.prometheus import plan_prometheus
from planning.prometheus_adapter import plan_adapter
from planning.quota import plan_quota
from planning.release import plan_programs_image, plan_proxy_image
from planning.repository.checks import check_repository
from planning.repository.model import Repository
from planning.repository.served import ServedSet
from planning.rooms import check_rooms, with_spare_place
from planning.server import PlannedServer
from planning.settings.cluster import described, platform_of
from planning.settings.root import Settings
from planning.signing import check_signing
from planning.system_nodes import plan_system_nodes
from planning.volumes import check_volume


def plan(settings: Settings, repository: Repository, catalogue: Catalogue, lock: ImageLock) -> Plan:
    """What `settings` ask for, decided. Pure: the same arguments give the same plan."""
    pools, findings = plan_pools(settings, catalogue)
    by_name = {pool.name: pool for pool in pools}
    found = [*findings, *check_repository(repository, allow_python=settings.security.python_models)]
    drafts = [
        draft_server(name, server, settings, repository, by_name, catalogue)
        for name, server in settings.servers.items()
    ]
    demands = [demand for draft in drafts for demand in draft.demands]
    spare = with_spare_place(demands)
    proxy_image, of_proxy = plan_proxy_image(settings, lock)
    found += of_proxy
    runs_programs = delivery_of(settings.model_repository) or builder_of(settings.model_repository)
    programs_image, of_programs = plan_programs_image(settings, lock) if runs_programs else (None, ())
    found += of_programs
    servers: list[PlannedServer] = []
    for draft in drafts:
        planned, own = plan_server(
            draft,
            settings,
            repository,
            catalogue,
            lock,
            spare=spare,
            proxy_image=proxy_image,
            programs_image=programs_image,
        )
        found += own
        if planned is not None:
            servers.append(planned)
    builder = plan_builder(settings, servers, repository, by_name, programs_image, catalogue)
    filler = plan_filler(settings, servers, programs_image, catalogue)
    found += check_volume(settings, [draft.served for draft in drafts if isinstance(draft.served, ServedSet)])
    found += [*check_signing(settings.model_repository), *check_fetching(settings.model_repository)]
    beside = [one for one in (builder, filler) if one is not None]
    secrets = [
        *(secret for server in servers for secret in server.secrets),
        *(name for one in beside for name in one.secrets),
    ]
    found += check_people(settings.security.people, secrets)
    found += check_rooms(demands)
    found += check_compute_classes(settings, {draft.name: draft.lanes for draft in drafts})
    found += check_controllers(
        settings,
        scaled=[draft.name for draft in drafts if any(lane.scaled for lane in draft.lanes)],
        on_gpus=[draft.name for draft in drafts if draft.gpus],
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
    remaining, accepted = accept(list(dict.fromkeys(found)), settings.accept)
    return Plan(
        settings=settings,
        platform=platform_of(settings.cluster),
        made=made,
        karpenter=karpenter,
        prometheus=prometheus,
        adapter=adapter,
        compute_class=plan_compute_class(settings, pools),
        namespace=settings.namespace,
        pod_security=f"v{described(settings.cluster).kubernetes}",
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


def _region(settings: Settings) -> str | None:
    cluster = described(settings.cluster)
    return cluster.region if cluster.kind == "gke" or cluster.kind == "eks" else None
