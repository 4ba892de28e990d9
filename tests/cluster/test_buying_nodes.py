"""Which nodes Karpenter buys for a stack on EKS, and when it lets them go: the real one, with the stack's NodePools."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from cluster_stacks import RenderedStack, stack
from karpenter_world import MARK, SOON, buying, node_pools, standing_nodes, until, watched

from local.cluster.applying import apply_stack, remove_stack
from local.cluster.karpenter import Buying, Offers
from local.cluster.kubectl import Kubectl, Object

RUNS = 100
"""Pods that wait, each for a node of its own."""

GPU_AFTER_S = 12.0
"""A third of what was measured on EKS (36 s, benchmarks/nodes), which benchmarks/nodes has whole: Karpenter looks again
at what waits every second to ten, so that this is long for it as well."""

BETWEEN_S = 0.2

SETTLES_WITHIN_S = 150.0

SPOT_PODS = 2


def settings_of(raw: dict[str, Any]) -> None:
    raw["gpu_pools"]["a10g-spot"]["nodes"]["max"] = RUNS


@pytest.fixture(scope="module")
def prod() -> RenderedStack:
    return stack("prod")


@pytest.fixture(scope="module")
def karpenter(
    prod: RenderedStack, kubectl: Kubectl, custom_kinds: None, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Buying]:
    with buying(prod, kubectl, tmp_path_factory.mktemp("karpenter")) as running:
        yield running


def lane_pod(of: RenderedStack, name: str, capacity: str) -> Object:
    """A pod of the server's lane that runs on pools of `capacity`, in a namespace without rules."""
    lanes = [lane for server in of.plan.servers for lane in server.lanes]
    lane = next(lane for lane in lanes if {pool.capacity for pool in lane.lane.pools} == {capacity})
    (body,) = [body for body in of.of_kind("Deployment") if body["metadata"]["name"] == lane.lane.deployment]
    return waiting_pod(name, body)


def waiting_pod(name: str, workload: Object) -> Object:
    """A pod that asks for what those of `workload` do, in a namespace without rules."""
    given = workload["spec"]["template"]["spec"]
    (container,) = given["containers"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"tritonup-test/waits": "true"}},
        "spec": {
            "affinity": given["affinity"],
            "tolerations": given["tolerations"],
            "containers": [{"name": "only", "image": "any", "resources": container["resources"]}],
            "terminationGracePeriodSeconds": 0,
        },
    }


def running(kubectl: Kubectl, *which: str) -> list[Object]:
    return [
        pod
        for pod in kubectl.items("pods", *which)
        if pod["status"].get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")
    ]


def claims(kubectl: Kubectl, *which: str) -> Sequence[Object]:
    return kubectl.items("nodeclaims", *which)


def test_one_pod_that_waits_for_a_gpu_buys_one_node(kubectl: Kubectl, karpenter: Buying) -> None:
    """The GPU comes long after the node, so that every pod waits for a node that is ready and has none."""
    many = stack("prod", settings_of)
    karpenter.offer(Offers(gpu_after_s=GPU_AFTER_S))
    kubectl.apply(*node_pools(many))
    before = karpenter.bought()
    try:
        for number in range(0, RUNS, 5):
            kubectl.apply(*(lane_pod(many, f"waits-{each}", "spot") for each in range(number, number + 5)))
            time.sleep(5 * BETWEEN_S)
        until(
            lambda: len(running(kubectl, "--namespace=default", "--selector=tritonup-test/waits")) == RUNS,
            SETTLES_WITHIN_S,
            lambda: kubectl.run("get", "nodeclaims,pods", "--output=wide"),
        )
        # Whatever it might still have bought for pods that have a place by now.
        time.sleep(12)
        pods = running(kubectl, "--namespace=default", "--selector=tritonup-test/waits")
        assert len({pod["spec"]["nodeName"] for pod in pods}) == RUNS
        assert karpenter.bought() - before == RUNS
    finally:
        kubectl.run("delete", "pods", "--namespace=default", "--selector=tritonup-test/waits", "--wait=false")
        kubectl.run("delete", "nodepools", "--all", "--timeout=120s")
        until(lambda: not claims(kubectl), 120, lambda: kubectl.run("get", "nodeclaims,nodes"))


def new_driver(raw: dict[str, Any]) -> None:
    raw["cluster"]["pools"] = {"a10g-spot": {"driver": {"image": "v20261120"}}}


def test_a_drivers_handshake_buys_one_node_where_no_server_goes(kubectl: Kubectl, karpenter: Buying) -> None:
    trying = stack("prod", new_driver)
    (job,) = trying.of_kind("Job")
    karpenter.offer(Offers(gpu_after_s=3))
    kubectl.apply(*node_pools(trying))
    before = karpenter.bought()
    pods = {"handshake": waiting_pod("handshake", job), "serving": lane_pod(trying, "serving", "spot")}
    try:
        # The server's pod comes when the handshake's has gone: there is a node with a GPU that nobody uses.
        for name, pod in pods.items():
            kubectl.apply(pod)
            until(
                lambda: len(running(kubectl, "--namespace=default", "--selector=tritonup-test/waits")) == 1,
                SETTLES_WITHIN_S,
                lambda name=name: kubectl.run("describe", "pod", name, "--namespace=default"),
            )
            if name == "handshake":
                kubectl.run("delete", "pod", name, "--namespace=default")
        assert karpenter.bought() - before == len(pods)
        pools = sorted(claim["metadata"]["labels"]["karpenter.sh/nodepool"] for claim in claims(kubectl))
        assert pools == ["a10g-spot", "a10g-spot-canary"]
    finally:
        kubectl.run("delete", "pods", "--namespace=default", "--selector=tritonup-test/waits", "--wait=false")
        kubectl.run("delete", "nodepools", "--all", "--timeout=120s")
        until(lambda: not claims(kubectl), 120, lambda: kubectl.run("get", "nodeclaims,nodes"))


@pytest.fixture(scope="module")
def served(prod: RenderedStack, kubectl: Kubectl, karpenter: Buying) -> Generator[RenderedStack]:
    """Stack prod on its standing nodes, with a lane of one server on nodes that Karpenter buys."""
    karpenter.offer(Offers(gpu_after_s=3))
    objects = [
        body for body in prod.objects if body["kind"] not in ("NodePool", "EC2NodeClass", "HorizontalPodAutoscaler")
    ]
    kubectl.apply(*standing_nodes(prod))
    kubectl.apply(*node_pools(prod, move_after=SOON))
    apply_stack(kubectl, prod.name, objects)
    namespace = f"--namespace={prod.plan.namespace}"
    try:
        kubectl.run("scale", f"deployment/{spot_lane(prod)}", namespace, f"--replicas={SPOT_PODS}")
        for _, lane in floors(prod):
            kubectl.run(
                "scale", f"deployment/{lane.lane.deployment}", namespace, f"--replicas={lane.lane.minimum.value}"
            )
        yield prod
    finally:
        remove_stack(kubectl, prod.name)
        kubectl.run("delete", "nodepools", "--all", "--timeout=120s")
        kubectl.run("delete", "nodes", f"--selector={MARK}")


def spot_lane(prod: RenderedStack) -> str:
    lanes = [lane for server in prod.plan.servers for lane in server.lanes]
    return next(lane.lane.deployment for lane in lanes if "spot" in {pool.capacity for pool in lane.lane.pools})


def floors(prod: RenderedStack) -> list[tuple[str, Any]]:
    return [
        (server.name, lane)
        for server in prod.plan.servers
        for lane in server.lanes
        if {pool.capacity for pool in lane.lane.pools} == {"on-demand"}
    ]


def of_lane(prod: RenderedStack, kubectl: Kubectl, deployment: str) -> list[Object]:
    body = next(body for body in prod.of_kind("Deployment") if body["metadata"]["name"] == deployment)
    selector = ",".join(f"{key}={value}" for key, value in body["spec"]["selector"]["matchLabels"].items())
    return running(kubectl, f"--namespace={prod.plan.namespace}", f"--selector={selector}")


def bought_as(prod: RenderedStack, kubectl: Kubectl, deployment: str) -> list[str]:
    """The ways in which the nodes of the lane's pods were bought; `standing` are not."""
    nodes = {node["metadata"]["name"]: node["metadata"]["labels"] for node in kubectl.items("nodes")}
    names = [pod["spec"]["nodeName"] for pod in of_lane(prod, kubectl, deployment)]
    return sorted(nodes[name].get("karpenter.sh/capacity-type", "standing") for name in names if name in nodes)


def test_the_floor_holds_while_spot_goes_and_comes_back(
    served: RenderedStack, kubectl: Kubectl, karpenter: Buying
) -> None:
    lane = spot_lane(served)

    def all_are(way: str) -> bool:
        return bought_as(served, kubectl, lane) == [way] * SPOT_PODS

    def told() -> str:
        return kubectl.run("get", "nodeclaims,nodes,pods", f"--namespace={served.plan.namespace}", "--output=wide")

    def floor() -> dict[str, set[str]]:
        return {
            one.lane.deployment: {pod["metadata"]["uid"] for pod in of_lane(served, kubectl, one.lane.deployment)}
            for _, one in floors(served)
        }

    def floor_stands() -> bool:
        return all(
            len(of_lane(served, kubectl, one.lane.deployment)) == one.lane.minimum.value for _, one in floors(served)
        )

    until(lambda: floor_stands() and all_are("spot"), SETTLES_WITHIN_S, told)
    before = floor()
    moving: list[int] = []

    def look() -> None:
        assert floor() == before, "a pod of the floor was moved"
        on_demand = claims(kubectl, "--selector=karpenter.sh/capacity-type=on-demand")
        moving.append(sum(1 for claim in on_demand if claim["metadata"].get("deletionTimestamp")))

    with watched(look, every_s=2.0):
        # Spot is gone. A reclaim's notice makes Karpenter delete the node's claim (interruption controller).
        karpenter.offer(Offers(gpu_after_s=3, out_of_stock=["spot"]))
        kubectl.run("delete", "nodeclaims", "--selector=karpenter.sh/capacity-type=spot", "--wait=false")
        until(lambda: all_are("on-demand"), SETTLES_WITHIN_S, told)
        # And there again.
        karpenter.offer(Offers(gpu_after_s=3))
        until(lambda: all_are("spot"), SETTLES_WITHIN_S, told)
    assert max(moving, default=0) <= 1, "of nodes with pods one moves at a time"
    assert floor() == before
    until(
        lambda: not claims(kubectl, "--selector=karpenter.sh/capacity-type=on-demand"),
        SETTLES_WITHIN_S,
        told,
    )


def test_a_node_whose_gpu_fails_is_replaced(served: RenderedStack, kubectl: Kubectl, karpenter: Buying) -> None:
    lane = spot_lane(served)
    until(
        lambda: bought_as(served, kubectl, lane) == ["spot"] * SPOT_PODS,
        SETTLES_WITHIN_S,
        lambda: kubectl.run("get", "nodeclaims,nodes"),
    )
    karpenter.offer(Offers(gpu_after_s=3, repair_after_s=1))
    bad = of_lane(served, kubectl, lane)[0]["spec"]["nodeName"]
    before = karpenter.bought()
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # As EKS's node monitoring agent says it.
    failed = {
        "type": "AcceleratedHardwareReady",
        "status": "False",
        "reason": "NvidiaXID79Error",
        "message": "the GPU has fallen off the bus",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
    patch = json.dumps({"status": {"conditions": [failed]}})
    kubectl.run("patch", "node", bad, "--subresource=status", "--type=strategic", f"--patch={patch}")
    until(
        lambda: (
            bad not in {node["metadata"]["name"] for node in kubectl.items("nodes")}
            and len(of_lane(served, kubectl, lane)) == SPOT_PODS
        ),
        SETTLES_WITHIN_S,
        lambda: kubectl.run("get", "nodeclaims,nodes,pods", f"--namespace={served.plan.namespace}", "--output=wide"),
    )
    assert karpenter.bought() - before == 1
