"""Models that cannot be served never take down those that are: a rollout stops at its first pod.

Planning refuses an ONNX file that is no ONNX file. What a node holds can still be another thing: a copy that was broken
off, a disk that lost something, a mode that somebody changed. So each test brings a new digest of models that planning
finds good, and then damages it on the node, as a failed push would leave it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cluster_stacks import RenderedStack, stack
from cluster_target import Printed, Target, brought, remove_at_once
from keep_asking import MODEL, asked_meanwhile, assert_all_were_answered, is_ready, patient_model

from local.cluster.applying import apply_stack
from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import LAYOUT
from local.cluster.models import place_models
from local.cluster.readiness import wait_until_ready
from planning.storage import NodePathSource

JUDGED_AFTER_S = 8.0
"""Of a server that runs and is not Ready: it lists its models at once and has loaded this one in 2 s."""

SETTLES_WITHIN_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """Two replicas that serve; `renewed` is the same stack with models of another digest."""

    stack: RenderedStack
    renewed: RenderedStack
    kubectl: Kubectl

    @property
    def namespace(self) -> str:
        return self.stack.plan.namespace

    @property
    def place(self) -> Path:
        """Where a node has the new models."""
        server = self.renewed.plan.servers[0]
        assert isinstance(server.storage.source, NodePathSource)
        return Path(server.storage.source.node_path) / server.name / server.served.digest

    def pods(self) -> dict[str, Object]:
        return {pod["metadata"]["uid"]: pod for pod in self.kubectl.items("pods", f"--namespace={self.namespace}")}

    def ready(self) -> set[str]:
        return {uid for uid, pod in self.pods().items() if is_ready(pod)}

    def roll_out(self, rendered: RenderedStack) -> None:
        apply_stack(self.kubectl, rendered.name, rendered.objects)

    def settle(self) -> None:
        wait_until_ready(self.kubectl, self.namespace, lambda states: None)

    def rolled_back(self) -> None:
        """Until the Deployment is as it was. The pod that failed may still be leaving."""
        lane = self.stack.plan.servers[0].lanes[0].lane
        self.kubectl.run("rollout", "status", f"deployment/{lane.deployment}", f"--namespace={self.namespace}")


@pytest.fixture(scope="module")
def deployed(target: Target, progress: Printed, tmp_path_factory: pytest.TempPathFactory) -> Generator[Deployed]:
    if target.own is None:
        pytest.skip("what a node holds can only be damaged on a cluster of ours")
    models = patient_model(tmp_path_factory.mktemp("models"))

    def two_replicas(settings: dict[str, Any]) -> None:
        settings["model_repository"]["directory"] = str(models)
        settings["security"] = {}
        settings["servers"]["triton"] |= {
            "models": [MODEL],
            "replicas": {"floor": 2, "ceiling": 2},
            "resources": {"cpu": "700m", "memory": "2Gi"},
            "drain": {"slowest_request": "10s"},
        }

    good = brought(stack("local", two_replicas), target, progress)
    apply_stack(target.kubectl, good.name, good.objects)
    try:
        wait_until_ready(target.kubectl, good.plan.namespace, lambda states: None)
        shutil.copytree(models / MODEL / "1", models / MODEL / "2")
        renewed = brought(stack("local", two_replicas), target, progress)
        assert renewed.plan.servers[0].served.digest != good.plan.servers[0].served.digest
        made = Deployed(stack=good, renewed=renewed, kubectl=target.kubectl)
        yield made
    finally:
        remove_at_once(good, target.kubectl)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_a_model_that_fails_to_load_keeps_the_old_replicas_serving(deployed: Deployed) -> None:
    before = deployed.ready()
    assert len(before) == 2
    cut(deployed.place / MODEL / "2" / "model.onnx")
    with asked_meanwhile(deployed.stack, deployed.kubectl) as asked:
        deployed.roll_out(deployed.renewed)
        with pytest.raises(ClusterError) as told:
            deployed.settle()
        assert deployed.ready() == before
        deployed.roll_out(deployed.stack)
        deployed.settle()
    assert_all_were_answered(asked)
    assert deployed.ready() == before
    # Who waited learns which model it is, in the server's own words, and where the rest is.
    said = str(told.value)
    assert "container 'triton' ended 2 times, the last with exit code 1" in said
    assert MODEL in said
    assert "failed to load" in said
    assert "kubectl logs" in said


def _unreadable(place: Path) -> None:
    (place / MODEL / "2" / "model.onnx").chmod(0)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "empty": lambda place: shutil.rmtree(place / MODEL),
    "truncated": lambda place: (place / MODEL / "2" / "model.onnx").unlink(),
    "unreadable": _unreadable,
    "missing": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_corrupted_repository_never_takes_down_what_serves(deployed: Deployed, damage: str) -> None:
    before, others = deployed.ready(), set(deployed.pods())
    assert len(before) == 2
    # Brought anew first: what is damaged on a node does not stay so.
    place_models(deployed.renewed.plan.servers, LAYOUT)
    assert (deployed.place / MODEL / "2" / "model.onnx").stat().st_mode & 0o444
    DAMAGES[damage](deployed.place)
    with asked_meanwhile(deployed.stack, deployed.kubectl) as asked:
        deployed.roll_out(deployed.renewed)
        deadline = time.monotonic() + SETTLES_WITHIN_S
        while not any(_was_judged(pod) for uid, pod in deployed.pods().items() if uid not in others):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert deployed.ready() == before
        deployed.roll_out(deployed.stack)
        deployed.rolled_back()
    assert_all_were_answered(asked)
    assert deployed.ready() == before


def _was_judged(pod: Object) -> bool:
    """Whether its server has failed, or has run long enough to be Ready and is not."""
    for one in pod["status"].get("containerStatuses", []):
        if one["name"] != "triton":
            continue
        if one["restartCount"] or "terminated" in one["state"]:
            return True
        if began := one["state"].get("running", {}).get("startedAt"):
            return time.time() - _seconds(began) > JUDGED_AFTER_S
    return False


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()
