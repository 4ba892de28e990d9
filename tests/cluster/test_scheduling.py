"""Where the planned pods land: on nodes as the cloud will label them, and on no others."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import pytest
from cluster_stacks import RenderedStack, stack
from cluster_target import end_pods
from planned_nodes import MARK, planned_nodes

from local.cluster.applying import apply_stack, remove_stack
from local.cluster.kubectl import Kubectl, Object

SETTLES_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """A stack whose pods have been bound to planned nodes. No kubelet will ever run them."""

    stack: RenderedStack
    kubectl: Kubectl

    def selected(self, deployment: str) -> tuple[str, str]:
        """The options that name its pods."""
        body = next(b for b in self.stack.of_kind("Deployment") if b["metadata"]["name"] == deployment)
        selector = ",".join(f"{key}={value}" for key, value in body["spec"]["selector"]["matchLabels"].items())
        return f"--namespace={self.stack.plan.namespace}", f"--selector={selector}"

    def pods(self, deployment: str) -> Sequence[Object]:
        """Of `deployment`, without those that are going."""
        listed = self.kubectl.items("pods", *self.selected(deployment))
        return [pod for pod in listed if not pod["metadata"].get("deletionTimestamp")]

    def bound(self, deployment: str) -> list[str]:
        return [pod["spec"]["nodeName"] for pod in self.pods(deployment) if pod["spec"].get("nodeName")]

    def label(self, node: str, key: str) -> str:
        return self.kubectl.get("node", node)["metadata"]["labels"][key]

    def _told(self) -> str:
        namespace = f"--namespace={self.stack.plan.namespace}"
        pods = self.kubectl.run("get", "pods", namespace, "--output=wide")
        nodes = self.kubectl.run("get", "nodes", "--label-columns=topology.kubernetes.io/zone")
        return f"{pods}\n{nodes}\n{self.kubectl.run('get', 'events', namespace, '--field-selector=type=Warning')}"

    def until(self, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SETTLES_WITHIN_S
        while not there():
            assert time.monotonic() < deadline, self._told()
            time.sleep(1)


@pytest.fixture(scope="module", params=["dev", "prod"])
def scheduled(request: pytest.FixtureRequest, kubectl: Kubectl, custom_kinds: None) -> Generator[Scheduled]:
    rendered = stack(request.param)
    with planned_nodes(kubectl, rendered.plan.pools):
        apply_stack(kubectl, rendered.name, rendered.objects)
        try:
            yield Scheduled(stack=rendered, kubectl=kubectl)
        finally:
            # Nobody answers for these nodes, so that their pods end by force alone.
            for name in [body["metadata"]["name"] for body in rendered.of_kind("Namespace")]:
                end_pods(kubectl, name, "--grace-period=0", "--force")
            remove_stack(kubectl, rendered.name)


def lanes(scheduled: Scheduled) -> list[tuple[str, set[str], int]]:
    """Each Deployment with its lane's pools and its least replicas."""
    return [
        (lane.lane.deployment, {pool.name for pool in lane.lane.pools}, lane.lane.minimum.value)
        for server in scheduled.stack.plan.servers
        for lane in server.lanes
    ]


def test_every_pod_finds_a_node_of_its_lanes_own_pools(scheduled: Scheduled) -> None:
    for deployment, pools, least in lanes(scheduled):
        scheduled.until(lambda deployment=deployment, least=least: len(scheduled.bound(deployment)) >= max(1, least))
        assert {scheduled.label(node, MARK) for node in scheduled.bound(deployment)} <= pools


def test_the_floors_pods_stand_in_as_many_zones_as_there_are(scheduled: Scheduled) -> None:
    for server in scheduled.stack.plan.servers:
        floor = next(lane for lane in server.lanes if lane.lane.name == "floor")
        wanted = floor.lane.minimum.value
        scheduled.until(lambda floor=floor, wanted=wanted: len(scheduled.bound(floor.lane.deployment)) == wanted)
        zones = {
            scheduled.label(node, "topology.kubernetes.io/zone") for node in scheduled.bound(floor.lane.deployment)
        }
        there = {zone for pool in floor.lane.pools for zone in pool.zones}
        assert len(zones) == min(wanted, len(there))


def test_a_gpu_pod_waits_rather_than_land_on_a_node_without_gpus(scheduled: Scheduled) -> None:
    """A pod for each GPU there is and one more: the last finds none, though nodes without GPUs stand idle."""
    template = scheduled.stack.pods()[0]
    pools = scheduled.stack.plan.pools
    shares = sum(pool.max_nodes * pool.slots for pool in pools)
    spec = {**template["spec"]}
    spec.pop("affinity", None)
    spec.pop("topologySpreadConstraints", None)
    spec["containers"] = [
        {**container, "resources": _gpus_alone(container["resources"])} for container in spec["containers"]
    ]
    body = _replicated("gpus", scheduled.stack.plan.namespace, spec, shares + 1)
    scheduled.kubectl.apply(body)
    try:
        waiting = "--field-selector=status.phase=Pending,spec.nodeName="

        def unbound() -> int:
            return len(_listed(scheduled, "gpus", waiting))

        scheduled.until(lambda: len(_listed(scheduled, "gpus")) == shares + 1 and _judged(scheduled, "gpus"))
        nodes = {pod["spec"]["nodeName"] for pod in _listed(scheduled, "gpus") if pod["spec"].get("nodeName")}
        assert unbound() >= 1
        assert all(MARK in scheduled.kubectl.get("node", node)["metadata"]["labels"] for node in nodes)
    finally:
        _remove(scheduled, "gpus")


def test_a_pod_that_asks_for_no_gpu_never_lands_on_a_gpu_node(scheduled: Scheduled) -> None:
    """As many as all nodes with GPUs could hold: none of them goes there."""
    template = scheduled.stack.pods()[0]
    container = {**template["spec"]["containers"][0], "resources": {"requests": {"cpu": "500m"}}}
    spec = {
        "securityContext": template["spec"]["securityContext"],
        "containers": [{name: container[name] for name in ("name", "image", "resources", "securityContext")}],
    }
    count = 4 * len(scheduled.stack.plan.pools)
    scheduled.kubectl.apply(_replicated("plain", scheduled.stack.plan.namespace, spec, count))
    try:
        scheduled.until(lambda: len(_listed(scheduled, "plain")) == count and _judged(scheduled, "plain"))
        nodes = {pod["spec"]["nodeName"] for pod in _listed(scheduled, "plain") if pod["spec"].get("nodeName")}
        assert not [n for n in nodes if MARK in scheduled.kubectl.get("node", n)["metadata"]["labels"]]
    finally:
        _remove(scheduled, "plain")


def _gpus_alone(resources: Object) -> Object:
    gpus = {"nvidia.com/gpu": resources["limits"]["nvidia.com/gpu"]}
    return {"limits": gpus, "requests": {**gpus, "cpu": "1m"}}


def _replicated(name: str, namespace: str, spec: Object, replicas: int) -> Object:
    labels = {"tritonup-test": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _listed(scheduled: Scheduled, name: str, *more: str) -> Sequence[Object]:
    namespace = f"--namespace={scheduled.stack.plan.namespace}"
    return scheduled.kubectl.items("pods", namespace, f"--selector=tritonup-test={name}", *more)


def _judged(scheduled: Scheduled, name: str) -> bool:
    """Whether the scheduler has said of every pod where it goes, or that it goes nowhere."""
    return all(
        any(condition["type"] == "PodScheduled" for condition in pod["status"].get("conditions", []))
        for pod in _listed(scheduled, name)
    )


def _remove(scheduled: Scheduled, name: str) -> None:
    namespace = f"--namespace={scheduled.stack.plan.namespace}"
    # Top down, each gone before the next: what makes pods would make them anew, and those hold the next test's GPUs.
    scheduled.kubectl.run("delete", "deployment", name, namespace, "--cascade=orphan")
    scheduled.kubectl.run("delete", "replicasets", f"--selector=tritonup-test={name}", namespace, "--cascade=orphan")
    scheduled.kubectl.run(
        "delete", "pods", f"--selector=tritonup-test={name}", namespace, "--grace-period=0", "--force"
    )
    scheduled.until(lambda: not _listed(scheduled, name))


def _make_room(scheduled: Scheduled, deployments: Sequence[str]) -> None:
    """The pods of `deployments` go: where they happen to stand, they may hold the last GPU of the zone that another's
    spread asks for."""
    namespace = f"--namespace={scheduled.stack.plan.namespace}"
    scheduled.kubectl.run("scale", *(f"deployment/{name}" for name in deployments), namespace, "--replicas=0")
    for name in deployments:

        def gone(name: str = name) -> bool:
            # Those that are going too: no kubelet will ever end them, and they hold their GPUs until then.
            scheduled.kubectl.run("delete", "pods", *scheduled.selected(name), "--grace-period=0", "--force")
            return not scheduled.kubectl.items("pods", *scheduled.selected(name))

        scheduled.until(gone)


def _replaceable(scheduled: Scheduled, deployment: str, pools: set[str]) -> str:
    """A node of the Deployment's pods in whose zone another of its pools has a GPU left: zones are kept even, so that a
    pod of a zone without one waits until the cloud brings it."""
    taken = scheduled.bound(deployment)
    nodes = [node for pool in pools for node in scheduled.kubectl.items("nodes", f"--selector={MARK}={pool}")]
    zones = {node["metadata"]["name"]: node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes}
    left = {
        name: int(node["status"]["allocatable"]["nvidia.com/gpu"]) - taken.count(name)
        for node in nodes
        for name in [node["metadata"]["name"]]
    }
    replaceable = (
        name
        for name in taken
        if any(zones[other] == zones[name] and left[other] >= taken.count(name) for other in zones if other != name)
    )
    # A zone that has no other node at all counts no more without it.
    return next(replaceable, taken[0])


def test_a_planned_node_that_is_gone_takes_nothing_of_the_stack_with_it(scheduled: Scheduled) -> None:
    """Its pods are made anew on another node of the same pools."""
    (deployment, pools, least), *others = lanes(scheduled)
    _make_room(scheduled, [name for name, _, _ in others])
    scheduled.until(lambda: len(scheduled.bound(deployment)) == least)
    lost = _replaceable(scheduled, deployment, pools)
    patch = json.dumps({"spec": {"unschedulable": True}})
    scheduled.kubectl.run("patch", "node", lost, f"--patch={patch}")
    names = [p["metadata"]["name"] for p in scheduled.pods(deployment) if p["spec"].get("nodeName") == lost]
    namespace = f"--namespace={scheduled.stack.plan.namespace}"
    scheduled.kubectl.run("delete", "pods", *names, namespace, "--grace-period=0", "--force")
    scheduled.until(lambda: len(scheduled.bound(deployment)) == least)
    assert lost not in scheduled.bound(deployment)
    assert {scheduled.label(node, MARK) for node in scheduled.bound(deployment)} <= pools


def test_every_gpu_node_gets_the_device_plugin_that_its_stack_installs(scheduled: Scheduled) -> None:
    sets = scheduled.stack.of_kind("DaemonSet")
    pools = {pool.name for pool in scheduled.stack.plan.pools}
    assert len(sets) == (len(pools) if scheduled.stack.plan.device_plugins else 0)
    for body in sets:
        pool, namespace = body["metadata"]["labels"]["app.kubernetes.io/instance"], body["metadata"]["namespace"]
        nodes = scheduled.kubectl.items("nodes", f"--selector={MARK}={pool}")
        assert nodes

        def placed(name: str = body["metadata"]["name"], where: str = namespace, wanted: int = len(nodes)) -> bool:
            status = scheduled.kubectl.get("daemonset", name, f"--namespace={where}")["status"]
            return int(status["currentNumberScheduled"]) == int(status["desiredNumberScheduled"]) == wanted

        scheduled.until(placed)
