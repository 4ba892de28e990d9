"""A driver's canary before a real API server, scheduler and Job controller: where its pod goes, and what a handshake
that succeeds, fails or is disrupted makes of the Job.

The nodes are objects, so the test is their kubelet: it runs what the pod says as a process, with a library that stands
in for the driver, and reports what became of it.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cluster_stacks import stack
from planned_nodes import planned_nodes

from components.gpu.driver_canary import FILE
from components.gpu.handshake import LIBRARY
from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import PROJECT
from planning.driver_canary import DriverCanary, canary_name
from tests.compiler import compile_library, find_compiler

POOL = "a10g-spot"
NAMESPACE = "tritonup-driver-test"
WITHIN_S = 60.0
QUIET_S = 3.0
"""How long nothing may happen, where nothing may."""

NEEDED = (
    "Namespace",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ResourceQuota",
    "LimitRange",
    "ConfigMap",
)
"""What the stack has there before the Job: all that may refuse its pod."""

SOURCE = PROJECT / "tests" / "unit" / "gpu_drivers" / "libcuda.c"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`driver` is a folder with the stand-in's library."""

    kubectl: Kubectl
    canary: DriverCanary
    job: Object
    driver: Path

    def begin(self, name: str) -> None:
        body: Any = copy.deepcopy(dict(self.job))
        body["metadata"]["name"] = name
        self.kubectl.apply(body)

    def pods(self, job: str) -> list[Object]:
        listed = self.kubectl.items(
            "pods", f"--namespace={NAMESPACE}", f"--selector=batch.kubernetes.io/job-name={job}"
        )
        return sorted(listed, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def bound(self, job: str) -> Object | None:
        """Its pod that has a node and has not ended."""
        there = [pod for pod in self.pods(job) if pod["spec"].get("nodeName") and not _ended(pod)]
        return there[0] if there else None

    def wait_for_pod(self, job: str) -> Object:
        self.until(lambda: self.bound(job) is not None)
        pod = self.bound(job)
        assert pod is not None
        return pod

    def run(self, pod: Object, **faults: str) -> None:
        """As the node's kubelet: the container's command with the mounted program, and its end in the pod's status."""
        (container,) = pod["spec"]["containers"]
        assert container["command"][0] == "python3"
        (volume,) = [one for one in pod["spec"]["volumes"] if "configMap" in one]
        program = self.kubectl.get("configmap", volume["configMap"]["name"], f"--namespace={NAMESPACE}")["data"][FILE]
        file = self.driver / FILE
        file.write_text(program, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-I", str(file), *container["args"]],
            env={"LD_LIBRARY_PATH": str(self.driver), **faults},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        ended = {"exitCode": done.returncode, "reason": "Error" if done.returncode else "Completed"}
        if done.returncode:
            # With FallbackToLogsOnError the end of its log is the message.
            ended["message"] = (done.stdout + done.stderr)[-2048:]
        self._say(
            pod,
            phase="Failed" if done.returncode else "Succeeded",
            containerStatuses=[
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": container["image"],
                    "ready": False,
                    "restartCount": 0,
                    "state": {"terminated": ended},
                }
            ],
        )

    def disrupt(self, pod: Object) -> None:
        """As the node's kubelet and whoever drained it would leave it."""
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "message": "a test",
        }
        self._say(pod, phase="Failed", conditions=[*pod["status"].get("conditions", []), condition])

    def condition(self, job: str) -> tuple[str, str] | None:
        """Complete or Failed, and why."""
        conditions = self.kubectl.get("job", job, f"--namespace={NAMESPACE}")["status"].get("conditions") or []
        ends = [one for one in conditions if one["type"] in ("Complete", "Failed") and one["status"] == "True"]
        return (ends[0]["type"], ends[0].get("reason", "")) if ends else None

    def until(self, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not there():
            assert time.monotonic() < deadline, self.kubectl.run("describe", "jobs,pods", f"--namespace={NAMESPACE}")
            time.sleep(0.5)

    def _say(self, pod: Object, **status: object) -> None:
        name = pod["metadata"]["name"]
        self.kubectl.run(
            *("patch", "pod", name, f"--namespace={NAMESPACE}", "--subresource=status", "--type=merge"),
            f"--patch={json.dumps({'status': status})}",
        )


def _ended(pod: Object) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def _new_driver(raw: dict[str, Any]) -> None:
    raw["namespace"] = NAMESPACE
    raw["cluster"]["pools"] = {POOL: {"driver": {"image": "v20261120"}}}


@pytest.fixture(scope="module")
def world(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    compiler = find_compiler(PROJECT)
    if isinstance(compiler, str):
        pytest.skip(compiler)
    driver = tmp_path_factory.mktemp("driver")
    compile_library(compiler, SOURCE, driver / LIBRARY)
    prod = stack("prod", _new_driver)
    (canary,) = prod.plan.drivers
    (pool,) = [pool for pool in prod.plan.pools if pool.name == POOL]
    (job,) = prod.of_kind("Job")
    mine = [
        body
        for body in prod.objects
        if body["kind"] in NEEDED
        and (body["metadata"].get("namespace") == NAMESPACE or NAMESPACE in body["metadata"]["name"])
    ]
    assert {body["kind"] for body in mine} == set(NEEDED)
    kubectl.apply(*mine)
    # One node of the pool as it is, and one as Karpenter would make it for the handshake.
    old = replace(pool, max_nodes=1)
    new = replace(pool, name=canary_name(POOL), labels=dict(canary.labels), max_nodes=1)
    try:
        with planned_nodes(kubectl, [old, new]):
            yield World(kubectl=kubectl, canary=canary, job=job, driver=driver)
    finally:
        kubectl.run("delete", "jobs", "--all", f"--namespace={NAMESPACE}", "--cascade=background")
        kubectl.run("delete", "pods", "--all", f"--namespace={NAMESPACE}", "--grace-period=0", "--force")
        for body in reversed(mine):
            if "namespace" not in body["metadata"]:
                kubectl.run("delete", body["kind"].lower(), body["metadata"]["name"], "--wait=false")


def test_the_handshake_goes_to_the_canary_node_and_completes_its_job(world: World) -> None:
    world.begin("good")
    pod = world.wait_for_pod("good")
    assert pod["spec"]["nodeName"] == f"{canary_name(POOL)}-0"
    world.run(pod)
    world.until(lambda: world.condition("good") is not None)
    assert world.condition("good") == ("Complete", "CompletionsReached")


def test_one_handshake_that_fails_ends_the_job_and_its_reason_stands_on_the_pod(world: World) -> None:
    world.begin("bad")
    world.run(world.wait_for_pod("bad"), STAND_IN_CUDA="12090")
    world.until(lambda: world.condition("bad") is not None)
    # By no other reason than this, or a passed deadline, does the engine know a failure.
    assert world.condition("bad") == ("Failed", "BackoffLimitExceeded")
    time.sleep(QUIET_S)
    (pod,) = world.pods("bad")
    (status,) = pod["status"]["containerStatuses"]
    assert (
        "The driver speaks CUDA 12.9, and the image that serves has CUDA 13."
        in status["state"]["terminated"]["message"]
    )


def test_a_pod_that_is_disrupted_is_made_anew_and_says_nothing_of_the_driver(world: World) -> None:
    world.begin("moved")
    first = world.wait_for_pod("moved")
    world.disrupt(first)
    world.until(lambda: len(world.pods("moved")) == 2)
    assert world.condition("moved") is None
    world.run(world.wait_for_pod("moved"))
    world.until(lambda: world.condition("moved") is not None)
    assert world.condition("moved") == ("Complete", "CompletionsReached")
