"""Replicas follow what waits in Triton's queues, as Triton, Prometheus, the adapter and the HPA measure it together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cluster_stacks import RenderedStack, stack
from cluster_target import Printed, Target, brought, remove_at_once
from pressure import pressure

from local.cluster.answers import endpoint_of
from local.cluster.applying import apply_stack
from local.cluster.control_plane import SCALERS_LOOK_EVERY_S
from local.cluster.kubectl import Kubectl, Object
from local.cluster.metrics import NAMESPACE, start_metrics
from local.cluster.readiness import wait_until_ready
from measuring.pods import MODEL, write_sleeping_model
from measuring.question import read_question
from planning.scaling import PENDING_METRIC
from planning.server import PlannedLane, PlannedServer

ANSWER_S = 0.25
"""Of the model, one request at a time: a pod answers 4 a second."""

RATE = 5.0
"""More than one pod answers, fewer than two do."""

SLOWEST = "30s"
"""What a request may take with its time in a queue that grows until a second pod is there. The proxy ends it then."""

SCALE_IN_AFTER_S = 15

LOOKS = 3
"""Of the scaler, after which it would have taken a pod away if it were to."""

SETTLES_WITHIN_S = 150.0
"""Two looks, a pod's start and a machine that is busy."""


def scaled_and_fixed(models: Path) -> Callable[[dict[str, Any]], None]:
    """Stack local with a slow model: server `triton` between 1 and 3 pods, `steady` with 1 at any time. Two
    nodes of two CPUs hold those that come and those that leave."""

    def edit(settings: dict[str, Any]) -> None:
        settings["model_repository"]["directory"] = str(models)
        settings["controllers"] = {"prometheus_operator": "present", "prometheus_adapter": "present"}
        settings["monitoring"] = {"kind": "prometheus-operator", "namespace": NAMESPACE, "interval": "2s"}
        settings["security"]["python_models"] = [MODEL]
        (server,) = settings["servers"].values()
        server["models"] = [MODEL]
        server["resources"] = {"cpu": "400m", "memory": "1100Mi"}
        server["drain"] = {"slowest_request": SLOWEST}
        settings["servers"] = {
            "triton": server
            | {"replicas": {"floor": 1, "ceiling": 3}, "scaling": {"scale_in_after": f"{SCALE_IN_AFTER_S}s"}},
            "steady": server | {"replicas": {"floor": 1, "ceiling": 1}},
        }

    return edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A lane as it runs."""

    kubectl: Kubectl
    namespace: str
    server: PlannedServer
    lane: PlannedLane

    @property
    def floor(self) -> int:
        return self.lane.lane.minimum.value

    @property
    def ceiling(self) -> int:
        return self.lane.lane.maximum.value

    @property
    def name(self) -> str:
        return self.lane.lane.deployment

    def get(self, kind: str) -> Object:
        return self.kubectl.get(kind, self.name, f"--namespace={self.namespace}")

    def wanted(self) -> int:
        return self.get("deployment")["spec"]["replicas"]

    def ready(self) -> int:
        return self.get("deployment")["status"].get("readyReplicas", 0)

    def staying(self) -> set[str]:
        """Pods that nobody has asked to leave."""
        selector = ",".join(f"{k}={v}" for k, v in self.get("deployment")["spec"]["selector"]["matchLabels"].items())
        pods = self.kubectl.items("pods", f"--namespace={self.namespace}", f"--selector={selector}")
        return {pod["metadata"]["name"] for pod in pods if not pod["metadata"].get("deletionTimestamp")}

    def active(self) -> tuple[str, str]:
        """Whether the scaler can work, and why (its condition ScalingActive)."""
        for condition in self.get("hpa")["status"].get("conditions", []):
            if condition["type"] == "ScalingActive":
                return condition["status"], condition["reason"]
        return "Unknown", ""

    def until(self, there: Callable[[], bool], within_s: float = SETTLES_WITHIN_S) -> None:
        deadline = time.monotonic() + within_s
        while not there():
            assert time.monotonic() < deadline, self.kubectl.run(
                "describe", "hpa", self.name, f"--namespace={self.namespace}"
            )
            time.sleep(1)

    def said(self) -> str:
        """What its pods are and have said, those that have begun anew twice."""
        where = f"--namespace={self.namespace}"
        pods = self.kubectl.run("get", "pods", where, "--output=wide")
        logs = [
            self.kubectl.attempt("logs", name, where, "--all-containers", "--prefix", "--tail=60", *which).stdout
            for name in self.staying()
            for which in ((), ("--previous",))
        ]
        return "\n".join([pods, *logs])

    def scale_by_hand(self, replicas: int) -> None:
        self.kubectl.run("scale", f"deployment/{self.name}", f"--namespace={self.namespace}", f"--replicas={replicas}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    stack: RenderedStack
    models: Path
    scaled: Lane
    fixed: Lane


@pytest.fixture(scope="module")
def running(
    target: Target, custom_kinds: None, progress: Printed, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Running]:
    if target.own is None:
        pytest.skip("only to a cluster of ours are Prometheus and its adapter brought")
    models = tmp_path_factory.mktemp("models")
    write_sleeping_model(models, seconds=ANSWER_S, instances=1)
    variant = brought(stack("local", scaled_and_fixed(models)), target, progress)
    apply_stack(target.kubectl, variant.name, variant.objects)
    try:
        start_metrics(target.own, progress, monitors=variant.of_kind("PodMonitor"))
        wait_until_ready(target.kubectl, variant.plan.namespace, lambda states: None)
        lanes = {
            server.name: Lane(
                kubectl=target.kubectl, namespace=variant.plan.namespace, server=server, lane=server.lanes[0]
            )
            for server in variant.plan.servers
        }
        yield Running(stack=variant, models=models, scaled=lanes["triton"], fixed=lanes["steady"])
    finally:
        remove_at_once(variant, target.kubectl)


@pytest.fixture
def at_the_floor(running: Running) -> Lane:
    lane = running.scaled
    lane.until(lambda: lane.active()[0] == "True" and lane.wanted() == lane.floor == len(lane.staying()))
    return lane


@contextmanager
def overloaded(running: Running) -> Generator[list[str]]:
    """More requests than one pod answers, until the context ends; all faults of theirs when it has."""
    lane, faults = running.scaled, list[str]()
    with endpoint_of(lane.server, lane.namespace, lane.kubectl) as endpoint:
        where = f"{endpoint.host}:{endpoint.ports.http}"
        with pressure(where, read_question(running.models / MODEL), rate=RATE) as sent:
            yield faults
    faults += [*sent.unreachable, *(str(record.outcome) for record in sent.failed)]
    assert sent.records


def deploy(kubectl: Kubectl, namespace: str, name: str, replicas: int, *, wait: bool = True) -> None:
    kubectl.run("scale", f"deployment/{name}", f"--namespace={namespace}", f"--replicas={replicas}")
    if wait:
        kubectl.run("rollout", "status", f"deployment/{name}", f"--namespace={namespace}", "--timeout=60s")


@contextmanager
def without(kubectl: Kubectl, *deployments: tuple[str, str]) -> Generator[None]:
    """These Deployments (namespace and name) have no pods while the context lasts."""
    try:
        for namespace, name in deployments:
            deploy(kubectl, namespace, name, 0)
        yield
    finally:
        for namespace, name in deployments:
            deploy(kubectl, namespace, name, 1, wait=False)


def test_the_adapter_knows_what_waits_in_each_pod(running: Running, kubectl: Kubectl) -> None:
    """One figure for each pod, summed over its models, of both servers' pods and no others."""
    path = f"/apis/custom.metrics.k8s.io/v1beta1/namespaces/{running.stack.plan.namespace}/pods/*/{PENDING_METRIC}"

    def known() -> list[str]:
        told = kubectl.attempt("get", f"--raw={path}")
        return sorted(i["describedObject"]["name"] for i in json.loads(told.stdout)["items"]) if told.stdout else []

    running.scaled.until(lambda: known() == sorted(running.scaled.staying() | running.fixed.staying()))


def test_a_lane_scales_out_on_pending_requests_and_in_again(
    running: Running, at_the_floor: Lane, kubectl: Kubectl
) -> None:
    """Out by what was rendered. In by it too, but for the period between two pods, which is a minute."""
    lane = at_the_floor
    with overloaded(running) as faults:
        lane.until(lambda: lane.ready() == lane.ceiling)
    assert faults == [], lane.said()
    assert "pods metric " + PENDING_METRIC in _reasons(lane)
    faster = [{"op": "replace", "path": "/spec/behavior/scaleDown/policies/0/periodSeconds", "value": 15}]
    kubectl.run(
        *("patch", "hpa", lane.name, f"--namespace={lane.namespace}", "--type=json", f"--patch={json.dumps(faster)}")
    )
    lane.until(lambda: lane.wanted() == lane.floor == len(lane.staying()))


def test_a_lane_keeps_its_replicas_when_metrics_are_gone(
    running: Running, at_the_floor: Lane, kubectl: Kubectl
) -> None:
    """Though nothing waits any more: not to know is no reason to take a pod away."""
    lane = at_the_floor
    with ExitStack() as gone:
        with overloaded(running) as faults:
            lane.until(lambda: lane.ready() == lane.ceiling)
            gone.enter_context(without(kubectl, (NAMESPACE, "prometheus")))
            lane.until(lambda: lane.active()[0] == "False")
            before = lane.staying()
            assert len(before) == lane.wanted() > lane.floor
        assert faults == [], lane.said()
        idle_until = time.monotonic() + SCALE_IN_AFTER_S + LOOKS * SCALERS_LOOK_EVERY_S
        while time.monotonic() < idle_until:
            assert lane.staying() == before
            assert lane.wanted() == len(before)
            time.sleep(1)
        assert lane.active() == ("False", "FailedGetPodsMetric")
    lane.until(lambda: lane.active()[0] == "True" and lane.wanted() < len(before))


def test_the_use_of_every_pod_is_known(running: Running, kubectl: Kubectl) -> None:
    """metrics-server: what `kubectl top` shows."""
    namespace = running.stack.plan.namespace

    def known() -> set[str]:
        told = kubectl.attempt("top", "pods", f"--namespace={namespace}", "--no-headers")
        return {line.split()[0] for line in told.stdout.splitlines()}

    running.fixed.until(lambda: known() >= running.fixed.staying() | running.scaled.staying())


def test_a_fixed_lane_holds_its_bounds_without_any_metric(running: Running, kubectl: Kubectl) -> None:
    lane = running.fixed
    assert lane.floor == lane.ceiling
    with without(kubectl, (NAMESPACE, "prometheus-adapter"), ("kube-system", "metrics-server")):
        lane.scale_by_hand(lane.ceiling + 1)
        lane.until(lambda: lane.active()[0] == "False" and lane.wanted() == lane.ceiling)


def _reasons(lane: Lane) -> str:
    selector = f"involvedObject.kind=HorizontalPodAutoscaler,involvedObject.name={lane.name}"
    events: Sequence[Object] = lane.kubectl.items(
        "events", f"--namespace={lane.namespace}", f"--field-selector={selector}"
    )
    return "; ".join(event["message"] for event in events if event["reason"] == "SuccessfulRescale")
