"""Whole stack files, drawn by Hypothesis: every kind of cluster, pool, sharing, storage, exposure and monitoring.

`stacks()` draws any settings that can be written; what is wrong with them is a finding. `healthy_stacks()` draws
those that fit by construction, so that a test can say what every plan without errors has. Both are plain data, as
YAML holds it: reading it is part of what is tested.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast, get_args

from hypothesis import given
from hypothesis import settings as search
from hypothesis import strategies as st

from planning.catalogue import CATALOGUE
from planning.catalogue.clouds import CLOUDS
from planning.catalogue.gpus import GPUS, GpuKind
from planning.catalogue.machines import Capacity, Cloud, allocatable
from planning.draining import DETECTION_LAG_S, KILL_MARGIN_S, UNHURRIED
from planning.pool_machines import NODE_AGENTS
from planning.sharing import CUT_OTHERWISE_BY_GKE
from tests.unit.planning.world import CODE, EKS, ENGINE, GKE, MINIO, RELEASES, ROLE, SERVABLE, SIGNING, Raw

GIB = 2**30

_MOSTLY_PRESENT = st.sampled_from((*["present"] * 7, "none"))

POOL_NAMES = ("a", "b", "c")
SERVER_NAMES = ("vision", "text", "rank")

TOO_OLD = frozenset({"nvidia-v100-16gb"})
"""GPUs that no secure release supports: a stack with them is an example of its own, not one of these."""

_SALES = {
    (cloud, capacity): sorted(
        {
            (machine.gpu, machine.gpus)
            for machine in CATALOGUE.machines
            if machine.cloud == cloud and capacity in machine.capacities and machine.gpu not in TOO_OLD
        }
    )
    for cloud in get_args(Cloud)
    for capacity in get_args(Capacity)
}
"""What each cloud sells: kind of GPU and GPUs of a machine."""

_CAPACITIES = st.sampled_from(
    (
        ("on-demand", "spot"),
        ("on-demand", "spot", "spot"),
        ("on-demand", "on-demand", "spot"),
        ("on-demand",),
        ("spot",),
        (),
    )
)

_GPUS = tuple(gpu for gpu in get_args(GpuKind) if gpu not in TOO_OLD)

_CIDRS = ("10.0.0.0/8", "192.168.1.0/24", "203.0.113.0/24", "2001:db8::/32")


STACKS_A_TEST = 20
"""Drawing a stack takes longer than planning it, and every test draws others: they search together."""


def for_every_stack(test: Callable[..., None]) -> Callable[..., None]:
    return search(max_examples=STACKS_A_TEST)(given(stacks())(test))


def for_every_healthy_stack(test: Callable[..., None]) -> Callable[..., None]:
    return search(max_examples=STACKS_A_TEST)(given(healthy_stacks())(test))


def for_every_kind_of_stack(test: Callable[..., None]) -> Callable[..., None]:
    return search(max_examples=2 * STACKS_A_TEST)(given(stacks() | healthy_stacks())(test))


@cache
def stacks() -> st.SearchStrategy[Raw]:
    return _stacks(healthy=False)


@cache
def healthy_stacks() -> st.SearchStrategy[Raw]:
    return _stacks(healthy=True)


@st.composite
def _stacks(draw: st.DrawFn, *, healthy: bool) -> Raw:
    platform = draw(st.sampled_from(("gke", "eks", "other", "local")))
    pools = {} if platform == "local" else draw(_pools(platform, healthy=healthy))
    names = SERVER_NAMES[: draw(st.integers(1, len(SERVER_NAMES)))]
    notice = draw(st.integers(16, 120) if healthy else st.integers(1, 120))
    cluster = draw(_clusters(platform, pools, notice))
    longest = notice if platform in ("gke", "other") else CLOUDS["eks"].spot.default_seconds
    longest = min(longest, CLOUDS["gke"].spot.max_seconds) if platform == "gke" else longest
    servers = {name: draw(_servers(name, platform, pools, longest, healthy=healthy)) for name in names}
    if healthy:
        _make_room(pools, servers)
    destination = draw(_destinations(names))
    if destination["kind"] == "image":
        (cluster["cluster"] if cluster["kind"] == "reference" else cluster)["kubernetes"] = "1.35"
    stack: Raw = {
        "namespace": draw(st.sampled_from(("inference", "inference-2"))),
        "cluster": cluster,
        "controllers": {
            name: "present" if healthy else draw(_MOSTLY_PRESENT)
            for name in ("prometheus_operator", "prometheus_adapter", "nvidia_device_plugin")
        },
        "gpu_pools": pools,
        "images": {"registry": "registry.example/acme"},
        "model_repository": {"destination": destination, "signing": SIGNING},
        "servers": servers,
        "monitoring": {"kind": "prometheus-operator"} if healthy else draw(_monitoring()),
        "security": {"python_models": [CODE]},
    }
    if healthy and draw(st.booleans()):
        stack["monitoring"] = {"kind": "prometheus-operator", "namespace": "observability", "interval": "30s"}
    return stack


@st.composite
def _pools(draw: st.DrawFn, platform: str, *, healthy: bool) -> dict[str, Raw]:
    pools: dict[str, Raw] = {}
    capacities = draw(_CAPACITIES)
    # A healthy lane's pools share by MPS all or none, and none on GKE.
    by_mps = healthy and platform != "gke" and draw(st.integers(0, 4)) == 0
    for name, capacity in zip(POOL_NAMES, capacities, strict=False):
        if platform in get_args(Cloud):
            gpu, gpus = draw(_sales(cast("Cloud", platform), capacity))
        else:
            gpu, gpus = draw(st.sampled_from(_GPUS)), draw(st.integers(1, 8))
        least = draw(st.integers(0, 3))
        pools[name] = {
            "gpu": gpu,
            "gpus_per_node": gpus,
            "capacity": capacity,
            "sharing": draw(_BY_MPS if by_mps else _sharing(gpu, platform, healthy=healthy)),
            "nodes": {"min": least, "max": draw(st.integers(max(1, least), 9))},
        }
    return pools


@cache
def _sales(cloud: Cloud, capacity: Capacity) -> st.SearchStrategy[tuple[GpuKind, int]]:
    return st.sampled_from(_SALES[cloud, capacity])


_BY_MPS: st.SearchStrategy[Raw] = st.integers(2, 4).map(lambda count: {"kind": "mps", "pods": count})


@cache
def _sharing(gpu: GpuKind, platform: str, *, healthy: bool) -> st.SearchStrategy[Raw]:
    pods = st.integers(2, 4)
    offered = [st.just({"kind": "whole"}), pods.map(lambda count: {"kind": "time-slicing", "pods": count})]
    if not healthy and platform != "gke":  # GKE's is refused, and a server without pools has no lanes to look at
        offered.append(_BY_MPS)
    # Any cluster may turn out to be GKE's, which knows one profile by another's number.
    cut = [profile.name for profile in GPUS[gpu].mig if (gpu, profile.name) not in CUT_OTHERWISE_BY_GKE]
    if cut:
        profiles = st.sampled_from(cut)
        offered.append(profiles.map(lambda profile: {"kind": "mig", "profile": profile}))
    return st.one_of(offered)


@st.composite
def _clusters(draw: st.DrawFn, platform: str, pools: dict[str, Raw], notice: int) -> Raw:
    kubernetes = draw(st.sampled_from(("1.30", "1.34", "1.35")))
    if platform == "local":
        return {"kind": "local", "kubernetes": kubernetes}
    if platform == "other":
        by_mps = any(pool["sharing"]["kind"] == "mps" for pool in pools.values())
        return {
            "kind": "existing",
            "kubernetes": kubernetes,
            "platform": draw(st.sampled_from(("eks", "other") if by_mps else ("gke", "eks", "other"))),
            "node_boot": f"{draw(st.integers(1, 900))}s",
            "pools": {
                name: {
                    "labels": {"pool": name},
                    "zones": draw(st.sampled_from(([], ["z1"], ["z1", "z2"]))),
                    **({"notice": f"{notice}s"} if pool["capacity"] == "spot" else {}),
                    **({"cpu": "64", "memory": "256Gi"} if draw(st.booleans()) else {}),
                }
                for name, pool in pools.items()
            },
        }
    made: Raw = {**(GKE if platform == "gke" else EKS), "kubernetes": kubernetes}
    if platform == "gke":
        made["spot_notice"] = f"{min(notice, CLOUDS['gke'].spot.max_seconds)}s"
        made["kubernetes"] = "1.35"  # older ones give 15 s of notice, whatever is asked for
        spot = {name: pool for name, pool in pools.items() if pool["capacity"] == "spot"}
        steady = _SALES["gke", "on-demand"]
        if all((pool["gpu"], pool["gpus_per_node"]) in steady for pool in spot.values()) and draw(st.booleans()):
            made["pools"] = {name: {"without_spot": "on-demand"} for name in spot}
    elif kubernetes == "1.30":
        made["kubernetes"] = "1.34"  # EKS offers nothing so old
    if draw(st.booleans()):
        return {"kind": "reference", "stack": "acme/tritonup/cluster", "cluster": made}
    return made


@st.composite
def _servers(draw: st.DrawFn, name: str, platform: str, pools: dict[str, Raw], notice: int, *, healthy: bool) -> Raw:
    models = list(draw(st.sets(st.sampled_from(SERVABLE), min_size=1, max_size=3)))
    gpu = draw(_server_gpu(pools, healthy=healthy))
    # An engine for several kinds of GPU needs a config that names a file for each (TU295).
    one_kind = len({pools[pool]["gpu"] for pool in gpu.get("pools", ())}) == 1
    if platform != "local" and (one_kind or not healthy) and draw(st.integers(0, 9)) == 0:
        models.append(ENGINE)
    floor = draw(st.integers(1, 9))
    on_spot = any(pools[pool]["capacity"] == "spot" for pool in gpu.get("pools", ()))
    longest = notice - DETECTION_LAG_S - UNHURRIED.pre_stop_s - KILL_MARGIN_S
    slowest = draw(st.integers(1, longest if healthy and on_spot else 300))
    server: Raw = {
        "kind": "triton",
        # Only 26.08 and newer have a known TensorRT version, and Triton 24.10 is insecure everywhere but locally.
        "release": "24.10" if platform == "local" else "26.08" if ENGINE in models else draw(st.sampled_from(RELEASES)),
        "models": models,
        "gpu": gpu,
        "replicas": draw(_replicas(floor, platform, healthy=healthy)),
        "exposure": draw(_exposures()),
        "resources": {
            "cpu": draw(st.sampled_from(("500m", "1", "1500m"))),
            "memory": draw(st.sampled_from(("3Gi", "3500Mi"))),
        },
        "drain": {"slowest_request": f"{slowest}s"},
    }
    if draw(st.booleans()):
        server["start"] = {"model_load": f"{draw(st.integers(1, 1800))}s"}
    if draw(st.booleans()):
        server["scaling"] = {"scale_in_after": f"{draw(st.integers(1, 3600))}s"}
    return server


@st.composite
def _replicas(draw: st.DrawFn, floor: int, platform: str, *, healthy: bool) -> Raw:
    above = draw(st.integers(0, 6))
    # A spot lane begins with one pod, so that it grows by one less than there is above the floor.
    most = (0 if platform == "local" else max(0, above - 1)) if healthy else 3
    headroom = {"headroom": draw(st.integers(0, most))} if draw(st.integers(0, 3)) == 0 else {}
    return {"floor": floor, "ceiling": floor + above, **headroom}


@st.composite
def _server_gpu(draw: st.DrawFn, pools: dict[str, Raw], *, healthy: bool) -> Raw:
    every = sorted(pools)
    chosen = draw(st.one_of(st.just(every), st.just(every), st.sets(st.sampled_from(every)))) if every else []
    # A pod can be on one machine only where its GPUs and its share of memory are, so a healthy server asks for one.
    if not chosen:
        return {"kind": "none"}
    gpu: Raw = {"kind": "nvidia", "pools": sorted(chosen)}
    if not healthy:
        gpu["count"] = draw(st.sampled_from((1, 1, 1, 2, 3)))
        if draw(st.booleans()):
            gpu["memory"] = f"{draw(st.integers(1, 40))}Gi"
    return gpu


@cache
def _exposures() -> st.SearchStrategy[Raw]:
    callers = st.lists(
        st.sampled_from(({"namespace": "apps"}, {"namespace": "search", "pods": {"app": "indexer"}})),
        min_size=1,
        max_size=2,
    )
    networks = st.lists(st.sampled_from(_CIDRS), min_size=1, max_size=3, unique=True)
    return st.one_of(
        st.builds(
            lambda callers, networks: {"kind": "cluster", "callers": callers, **networks},
            callers,
            st.one_of(st.just({}), st.builds(lambda networks: {"networks": networks}, networks)),
        ),
        st.builds(
            lambda kind, networks, callers: {"kind": kind, "networks": networks, "callers": callers},
            st.sampled_from(("internal", "public")),
            networks,
            st.one_of(st.just([]), callers),
        ),
    )


@cache
def _destinations(servers: tuple[str, ...]) -> st.SearchStrategy[Raw]:
    networks = st.sampled_from(([], ["10.9.0.0/24"], ["0.0.0.0/0"]))
    prefix = st.sampled_from(({}, {"prefix": "triton/models"}))
    return st.one_of(
        st.builds(
            lambda n, p: {"kind": "s3", "bucket": "models", "region": "eu-west-1", "role": ROLE, "networks": n, **p},
            networks,
            prefix,
        ),
        st.builds(
            lambda n, onto: {**MINIO, "networks": n or ["10.9.0.0/24"], "delivery": {"kind": "fetched", "onto": onto}},
            networks,
            st.sampled_from(("disk", "memory")),
        ),
        st.builds(
            lambda n: {"kind": "gs", "bucket": "models", "networks": n, "delivery": {"kind": "fetched"}}, networks
        ),
        st.builds(lambda n, p: {"kind": "gs", "bucket": "models", "networks": n, **p}, networks, prefix),
        st.builds(
            lambda n, p: {
                "kind": "gs",
                "bucket": "models",
                "networks": n,
                **p,
                "delivery": {"kind": "volume", "storage": {"kind": "class", "name": "shared-files", "size": "1Ti"}},
            },
            networks,
            prefix,
        ),
        st.just({"kind": "claim", "claim": "filled"}),
        st.just({"kind": "node-path", "path": "/var/models"}),
        st.just(
            {
                "kind": "image",
                "repository": "registry.example/models",
                "digests": {name: f"sha256:{str(index) * 64}" for index, name in enumerate(servers)},
            }
        ),
    )


@cache
def _monitoring() -> st.SearchStrategy[Raw]:
    collected = {"kind": "prometheus-operator", "namespace": "observability"}
    return st.sampled_from((*[collected] * 5, {"kind": "none"}))


def _make_room(pools: dict[str, Raw], servers: dict[str, Raw]) -> None:
    """As many nodes as all servers' ceilings together need if every pod had a node of its own."""
    pods = sum(server["replicas"]["ceiling"] for server in servers.values())
    for pool in pools.values():
        pool["nodes"] = {"min": min(pool["nodes"]["min"], pods), "max": pods}


def pod_fits_everywhere() -> bool:
    """Whether every machine of the catalogue has room for the greatest pod that is drawn: what `_make_room` needs."""
    rooms = [allocatable(machine) for machine in CATALOGUE.machines]
    cpu = min(room.cpu_milli for room in rooms) - NODE_AGENTS[0].millis
    memory = min(room.memory_bytes for room in rooms) - NODE_AGENTS[1].bytes
    return cpu >= 1500 and memory >= 3.5 * GIB


def plain(value: Any) -> Any:
    """A copy that shares nothing with `value`."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in cast("dict[str, Any]", value).items()}
    return [plain(inner) for inner in cast("list[Any]", value)] if isinstance(value, list) else value
