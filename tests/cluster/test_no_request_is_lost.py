"""What operations do to a server while it is asked by every kind of client: no request fails, and none is retried."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asking import BEFORE_S, SETTLE_S, lost, sound, streams
from cluster_stacks import FAST, RenderedStack, repository_with_sleepers, stack
from cluster_target import Printed, Target, brought, remove_at_once

from local.cluster.answers import endpoint_of
from local.cluster.applying import apply_stack
from local.cluster.boot import CONTROL
from local.cluster.disruptions import Crashed, crash, drain, paused, pods_of, roll, scale, uncordon, wait_until_gone
from local.cluster.kubectl import Kubectl
from local.cluster.pod_history import PodHistory
from local.cluster.readiness import wait_until_ready
from measuring.during import Observed, observe
from planning.draining import UNHURRIED

SLOW = "sleeping"
RATES = {FAST: 6.0, SLOW: 2.0}
"""Requests a second of each kind of client: what two busy cores answer without queues."""

CRASH_IS_OVER_S = 10.0
"""By then the Service sends nothing to the crashed server, or sends to its successor."""

SLOW_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """The stack of two replicas, running; `edit` renders it again."""

    stack: RenderedStack
    models: Path
    edit: Callable[[dict[str, Any]], None]
    kubectl: Kubectl
    target: Target

    @property
    def namespace(self) -> str:
        return self.stack.plan.namespace

    @property
    def deployment(self) -> str:
        return self.stack.plan.servers[0].lanes[0].lane.deployment

    def uids(self) -> set[str]:
        return {pod["metadata"]["uid"] for pod in pods_of(self.kubectl, self.namespace, self.deployment)}

    def versions_of(self, model: str) -> list[str]:
        """What the Service's servers say that they serve."""
        with endpoint_of(self.stack.plan.servers[0], self.namespace, self.kubectl) as endpoint:
            url = f"http://{endpoint.host}:{endpoint.ports.http}/v2/models/{model}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["versions"]

    def restarts(self, pod: str) -> int:
        body = self.kubectl.get("pod", pod, f"--namespace={self.namespace}")
        return sum(status["restartCount"] for status in body["status"]["containerStatuses"])

    def settle(self) -> None:
        wait_until_ready(self.kubectl, self.namespace, lambda states: None)

    def disturbed(self, disrupt: Callable[[], object]) -> tuple[Observed[object], PodHistory]:
        """What every kind of client saw from before `disrupt` until after it."""
        asked = streams(self.stack, self.stack.plan.servers[0], self.kubectl, RATES)
        with PodHistory(self.kubectl, self.namespace) as history:
            observed = observe(asked, disrupt, before_s=BEFORE_S, settle_s=SETTLE_S)
        print(observed.report())
        print(history.report(observed.began))
        return observed, history


@pytest.fixture(scope="module")
def deployed(target: Target, progress: Printed, tmp_path_factory: pytest.TempPathFactory) -> Generator[Deployed]:
    models = repository_with_sleepers(tmp_path_factory.mktemp("models"), {SLOW: SLOW_S})

    def edit(settings: dict[str, Any]) -> None:
        settings["model_repository"]["directory"] = str(models)
        settings["security"]["python_models"] = [SLOW]
        settings["servers"]["triton"] |= {
            "models": [FAST, SLOW],
            "replicas": {"floor": 2, "ceiling": 2},
            # Two pods fit on each node of a machine with two cores.
            "resources": {"cpu": "700m", "memory": "3Gi"},
            "drain": {"slowest_request": "5s"},
        }

    variant = brought(stack("local", edit), target, progress)
    apply_stack(target.kubectl, variant.name, variant.objects)
    try:
        wait_until_ready(target.kubectl, variant.plan.namespace, lambda states: None)
        yield Deployed(stack=variant, models=models, edit=edit, kubectl=target.kubectl, target=target)
    finally:
        remove_at_once(variant, target.kubectl)


def test_no_request_is_lost_in_a_rolling_update(deployed: Deployed) -> None:
    before = deployed.uids()
    observed, _ = deployed.disturbed(lambda: roll(deployed.kubectl, deployed.namespace, deployed.deployment))
    assert not before & deployed.uids()
    assert lost(sound(observed, least=250)) == {}


def test_no_request_is_lost_when_a_model_gets_a_new_version(deployed: Deployed) -> None:
    before = deployed.uids()
    versions = deployed.models / FAST
    shutil.copytree(versions / "1", versions / "2")
    renewed = brought(stack("local", deployed.edit), deployed.target, Printed())
    assert renewed.plan.servers[0].served.digest != deployed.stack.plan.servers[0].served.digest

    def update() -> None:
        apply_stack(deployed.kubectl, renewed.name, renewed.objects)
        deployed.settle()
        wait_until_gone(deployed.kubectl, deployed.namespace, before)

    observed, _ = deployed.disturbed(update)
    assert not before & deployed.uids()
    assert deployed.versions_of(FAST) == ["2"]
    assert lost(sound(observed, least=250)) == {}


def test_no_request_is_lost_when_a_node_is_drained(deployed: Deployed) -> None:
    pod = pods_of(deployed.kubectl, deployed.namespace, deployed.deployment)[0]
    node = pod["spec"]["nodeName"]
    try:
        observed, _ = deployed.disturbed(lambda: drain(deployed.kubectl, node, timeout_s=120))
        assert pod["metadata"]["uid"] not in deployed.uids()
        assert lost(sound(observed, least=120)) == {}
    finally:
        uncordon(deployed.kubectl, node)
        deployed.settle()


def test_no_request_is_lost_while_the_service_learns_late(deployed: Deployed) -> None:
    """New connections still come to the pod for most of what the plan allows (`UNHURRIED.endpoint_lag_s`)."""
    cluster = deployed.target.own
    if cluster is None:
        pytest.skip("only a cluster of ours has a kube-proxy that can be made to wait")
    pod = pods_of(deployed.kubectl, deployed.namespace, deployed.deployment)[0]["metadata"]

    def delete_unnoticed() -> None:
        with paused(cluster, CONTROL.name, "kube-proxy"):
            arguments = ("delete", "pod", pod["name"], f"--namespace={deployed.namespace}", "--wait=false")
            deployed.kubectl.run(*arguments)
            time.sleep(UNHURRIED.endpoint_lag_s - 1)
        wait_until_gone(deployed.kubectl, deployed.namespace, {pod["uid"]})

    observed, _ = deployed.disturbed(delete_unnoticed)
    assert lost(sound(observed, least=120)) == {}
    deployed.settle()


def test_no_request_is_lost_when_the_scaler_takes_a_replica_back(deployed: Deployed) -> None:
    kubectl, namespace, deployment = deployed.kubectl, deployed.namespace, deployed.deployment
    scale(kubectl, namespace, deployment, 3)
    before = deployed.uids()
    observed, _ = deployed.disturbed(lambda: scale(kubectl, namespace, deployment, 2))
    assert deployed.uids() < before
    assert lost(sound(observed, least=120)) == {}


def test_a_crash_costs_at_most_what_was_in_flight_on_that_server(deployed: Deployed) -> None:
    """Until the kubelet has told the Service, it sends every second connection to the crashed server: its proxy passes
    them on."""
    cluster = deployed.target.own
    if cluster is None:
        pytest.skip("the server's process is on another machine")
    pod = pods_of(deployed.kubectl, deployed.namespace, deployed.deployment)[0]["metadata"]
    crashed: list[Crashed] = []

    def end_it() -> None:
        crashed.append(crash(cluster, deployed.namespace, pod["name"]))
        time.sleep(CRASH_IS_OVER_S)

    observed, history = deployed.disturbed(end_it)
    known = history.pods[pod["uid"]].unready
    assert known is not None
    assert deployed.restarts(pod["name"]) == 1
    for kind in observed.by_kind:
        failed = [
            (h.began + r.started - crashed[0].gone, r)
            for h in observed.heard
            if h.stream.kind is kind
            for r in h.lost()
        ]
        between = sum(
            0 < h.began + r.started - crashed[0].gone < known - crashed[0].gone
            for h in observed.heard
            if h.stream.kind is kind
            for r in h.records
        )
        print(
            f"{kind}: {len(failed)} lost that were in flight, none of the {between} that were sent in the"
            f" {known - crashed[0].gone:.2f} s until the pod was not Ready"
        )
        assert [(sent, r) for sent, r in failed if sent > 0] == []
    sound(observed, least=80)
    deployed.settle()
