"""Spot nodes are taken back while every kind of client asks: no request fails, and none is retried.

Three servers, each with a pod on demand and one or two on spot, on nodes that give 15, 30 and 120 s of notice. All
happens in one span of traffic, because the longest notice alone takes two minutes.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from asking import BEFORE_S, SETTLE_S, lost, sound, streams
from cluster_stacks import FAST, RenderedStack, planned_stack, repository_with_sleepers
from cluster_target import Printed, Target, brought, remove_at_once
from gpu_nodes import give_gpus, join, part, without_gpus

from local.cluster.applying import apply_stack
from local.cluster.boot import WORKERS, Cluster
from local.cluster.disruptions import Reclaimed, pods_of, reclaim, scale
from local.cluster.layout import ADDRESSES, LAYOUT
from local.cluster.pod_history import PodHistory
from local.cluster.readiness import wait_until_ready
from local.cluster.stack_images import stack_images
from measuring.during import Observed, Stream, observe
from planning.draining import DETECTION_LAG_S, KILL_MARGIN_S
from planning.ports import HTTP_PORT

ENDS_S = 6
"""From the end of a pod's grace period until its object is gone, on two busy cores: the kubelet has to report it."""

POOL = "tritonup-test/pool"
STEADY = "steady"
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A server: its nodes' notice, its slowest request, and a model that takes long for it. `at_s` is when its nodes
    are given notice. Rates are requests a second of each kind of client."""

    notice_s: int
    slowest_s: int
    model_s: float
    nodes: tuple[str, ...]
    at_s: float
    fast_rate: float
    slow_rate: float

    @property
    def slow_model(self) -> str:
        return f"takes_{self.model_s:g}s".replace(".", "_")


CASES: Mapping[str, Case] = {
    "hurried": Case(
        notice_s=15,
        slowest_s=3,
        model_s=0.5,
        nodes=("spot-15",),
        at_s=20,
        fast_rate=4,
        slow_rate=1,
    ),
    "brief": Case(
        notice_s=30,
        slowest_s=10,
        model_s=4,
        nodes=("spot-30a", "spot-30b"),
        at_s=50,
        fast_rate=4,
        slow_rate=0.3,
    ),
    "long": Case(
        notice_s=120,
        slowest_s=60,
        model_s=12,
        nodes=("spot-120",),
        at_s=0,
        fast_rate=4,
        slow_rate=0.1,
    ),
}


def settings(models: str) -> dict[str, Any]:
    return {
        "namespace": "tritonup-reclaims",
        "cluster": {
            "kind": "existing",
            "kubernetes": "1.35",
            "node_boot": "60s",
            "pools": {
                STEADY: {"labels": {POOL: STEADY}, "zones": ["zone-a", "zone-b"], "cpu": "2", "memory": "20Gi"},
                **{
                    f"spot-{name}": {
                        "labels": {POOL: f"spot-{name}"},
                        "taints": [GPU_TAINT],
                        "zones": ["zone-a", "zone-b"],
                        "notice": f"{case.notice_s}s",
                        "cpu": "2",
                        "memory": "20Gi",
                    }
                    for name, case in CASES.items()
                },
            },
        },
        "controllers": {"nvidia_device_plugin": "present", "metrics_server": "present"},
        "gpu_pools": {
            STEADY: {"gpu": "nvidia-l4", "capacity": "on-demand", "gpus_per_node": 2, "nodes": {"min": 2, "max": 2}},
            **{
                f"spot-{name}": {"gpu": "nvidia-l4", "capacity": "spot", "nodes": {"min": 0, "max": len(case.nodes)}}
                for name, case in CASES.items()
            },
        },
        "model_repository": {
            "directory": models,
            "destination": {"kind": "node-path", "path": "/var/lib/tritonup/models"},
        },
        "servers": {
            name: {
                "kind": "triton",
                "release": "26.08",
                "models": [FAST, case.slow_model],
                "gpu": {"kind": "nvidia", "pools": [STEADY, f"spot-{name}"]},
                # A fixed spot lane: what scales is not asked here.
                "replicas": {"floor": 1, "ceiling": 2},
                "exposure": {
                    "kind": "cluster",
                    "callers": [{"namespace": "default"}],
                    # This machine, as pods see it: itself, and the node that passes on what it asks Services.
                    "networks": [f"{ADDRESSES.machine}/32", f"{ADDRESSES.node(1)}/32"],
                },
                "resources": {"cpu": "500m", "memory": "4Gi"},
                "drain": {"slowest_request": f"{case.slowest_s}s"},
            }
            for name, case in CASES.items()
        },
        "monitoring": {"kind": "none"},
        "security": {"python_models": [case.slow_model for case in CASES.values()]},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclaims:
    """`floors` are the uids of the pods on demand before and after; `answered` by each spot pod before its notice."""

    observed: Observed[Mapping[str, tuple[Reclaimed, ...]]]
    floors: tuple[Mapping[str, set[str]], Mapping[str, set[str]]]
    answered: Mapping[str, Sequence[int]]

    def of(self, server: str) -> Observed[tuple[Reclaimed, ...]]:
        """What the server's own clients saw, and its nodes' time between notice and end."""
        reclaimed = self.observed.result[server]
        return replace(
            self.observed,
            heard=tuple(h for h in self.observed.heard if h.stream.name.split()[0] == server),
            began=min(node.noticed for node in reclaimed),
            ended=max(node.vanished for node in reclaimed),
            result=reclaimed,
        )


@pytest.fixture(scope="module")
def spot(target: Target, progress: Printed, tmp_path_factory: pytest.TempPathFactory) -> Generator[RenderedStack]:
    """The stack, Ready on nodes of all pools."""
    cluster = target.own
    if cluster is None:
        pytest.skip("only a cluster of ours has nodes that can be taken away")
    models = repository_with_sleepers(
        tmp_path_factory.mktemp("models"),
        {case.slow_model: case.model_s for case in CASES.values()},
    )
    rendered = planned_stack("reclaims", settings(str(models)))
    pools = {pool.name: pool for pool in rendered.plan.pools}
    try:
        for worker in WORKERS:
            cluster.kubectl.run("label", "node", worker.name, f"{POOL}={STEADY}", "--overwrite")
            give_gpus(cluster.kubectl, worker.name, pools[STEADY].slots)
        wanted = [(node, pools[f"spot-{name}"]) for name, case in CASES.items() for node in case.nodes]
        join(cluster, wanted, WORKERS[-1].index + 1)
        triton, proxy = stack_images(LAYOUT, progress)
        placed = brought(rendered, target, progress)
        ready = replace(placed, objects=without_gpus(placed.objects, triton=triton, proxy=proxy))
        apply_stack(cluster.kubectl, ready.name, ready.objects)
        for name, case in CASES.items():
            if len(case.nodes) > 1:
                scale(cluster.kubectl, ready.plan.namespace, f"{name}-spot", len(case.nodes))
        wait_until_ready(cluster.kubectl, ready.plan.namespace, lambda states: None)
        yield ready
    finally:
        remove_at_once(rendered, cluster.kubectl)
        for node in (node for case in CASES.values() for node in case.nodes):
            part(cluster, node)
        for worker in WORKERS:
            cluster.kubectl.run("label", "node", worker.name, f"{POOL}-")
            give_gpus(cluster.kubectl, worker.name, None)


@pytest.fixture(scope="module")
def reclaims(spot: RenderedStack, target: Target) -> Reclaims:
    cluster = target.own
    assert cluster is not None
    kubectl, namespace = cluster.kubectl, spot.plan.namespace
    asked: list[Stream] = []
    for server in spot.plan.servers:
        case = CASES[server.name]
        rates = {FAST: case.fast_rate, case.slow_model: case.slow_rate}
        asked += streams(spot, server, kubectl, rates, timeout_s=case.slowest_s + 10)
    floors_before = {name: uids(cluster, namespace, f"{name}-floor") for name in CASES}
    answered: dict[str, Sequence[int]] = {}

    def take(name: str, node: str) -> Reclaimed:
        time.sleep(CASES[name].at_s)
        return reclaim(cluster, node, notice_s=CASES[name].notice_s)

    def take_all() -> Mapping[str, tuple[Reclaimed, ...]]:
        for name in CASES:
            pods = pods_of(kubectl, namespace, f"{name}-spot")
            answered[name] = [answers_of(pod["status"]["podIP"]) for pod in pods]
        with ThreadPoolExecutor() as threads:
            taking: dict[str, list[Future[Reclaimed]]] = {
                name: [threads.submit(take, name, node) for node in case.nodes] for name, case in CASES.items()
            }
            return {name: tuple(future.result() for future in futures) for name, futures in taking.items()}

    with PodHistory(kubectl, namespace) as history:
        observed = observe(asked, take_all, before_s=BEFORE_S, settle_s=SETTLE_S)
    print(observed.report())
    print(history.report(observed.began))
    floors_after = {name: uids(cluster, namespace, f"{name}-floor") for name in CASES}
    return Reclaims(observed=observed, floors=(floors_before, floors_after), answered=answered)


def uids(cluster: Cluster, namespace: str, deployment: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods_of(cluster.kubectl, namespace, deployment)}


def answers_of(address: str) -> int:
    """Requests to the fast model that the pod at `address` has answered, by Triton's own count."""
    with urllib.request.urlopen(f"http://{address}:{HTTP_PORT}/v2/models/{FAST}/stats", timeout=10) as said:
        (stats,) = json.load(said)["model_stats"]
    return int(stats["inference_stats"]["success"]["count"])


@pytest.mark.parametrize("name", list(CASES), ids=[f"notice of {case.notice_s} s" for case in CASES.values()])
def test_no_request_is_lost_when_spot_nodes_are_reclaimed(reclaims: Reclaims, spot: RenderedStack, name: str) -> None:
    """Of `brief` both nodes at once: what it has on demand carries the load alone."""
    case, observed = CASES[name], reclaims.of(name)
    print(observed.report())
    assert len(observed.result) == len(case.nodes)
    assert all(answers > 0 for answers in reclaims.answered[name])
    assert lost(sound(observed, least=500)) == {}


@pytest.mark.parametrize("name", list(CASES))
def test_every_pod_has_left_before_its_machine_vanishes(reclaims: Reclaims, spot: RenderedStack, name: str) -> None:
    drain = next(server.drain for server in spot.plan.servers if server.name == name)
    for node in reclaims.of(name).result:
        print(f"{node.node}: left after {node.left_after_s} s, vanished after {node.vanished - node.noticed:.1f} s")
        assert node.tainted < node.vanished
        assert CASES[name].notice_s <= node.vanished - node.noticed
        # Where the whole notice is planned, the kubelet may still be busy with what no request needs any more.
        leaving = DETECTION_LAG_S + drain.pre_stop.value + drain.exit_timeout.value + KILL_MARGIN_S
        assert node.caught == () or leaving + ENDS_S > CASES[name].notice_s


def test_the_floor_on_demand_is_not_touched_by_reclaims(reclaims: Reclaims) -> None:
    before, after = reclaims.floors
    assert before == after
