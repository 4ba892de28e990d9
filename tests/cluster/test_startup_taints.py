"""The program that takes start-up taints off (`gpu_readiness/`), as a process against a real API server, with no more
rights than its own ServiceAccount has."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from cluster_stacks import stack

from components.gpu.readiness import CALLED, NAMESPACE
from local.cluster.kubectl import Kubectl
from local.cluster.layout import PROJECT
from planning.derived import Derived
from planning.gpu_readiness import AwaitedPool, PlannedReadiness
from planning.images import ImageRef
from planning.pools import GPU_RESOURCE, STARTUP_TAINT
from programs import kubernetes
from stacks.render import rendered

GPUS = 2
POOL = {"tritonup/pool": "awaited"}
OTHER = "tritonup-test/other"
SEEN_WITHIN_S = 30.0
QUIET_S = 3.0
"""How long nothing may happen, where nothing may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`account` is what a pod of the program finds mounted, `settings` what it is told."""

    kubectl: Kubectl
    server: str
    account: Path
    settings: Path

    @contextmanager
    def program(self) -> Generator[Program]:
        said = self.settings.with_name(f"said-{time.monotonic_ns()}.log")
        with said.open("w", encoding="utf-8") as into:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gpu_readiness", str(self.settings)),
                    *(f"--server={self.server}", f"--account={self.account}"),
                ],
                cwd=PROJECT,
                stdout=into,
                stderr=subprocess.STDOUT,
            )
        try:
            yield Program(process=process, log=said)
        finally:
            process.kill()
            process.wait()

    def node(self, name: str, *, gpus: int, ready: bool = True) -> None:
        """A new node of the pool, with its taint and another."""
        taints = [{"key": key, "value": "x", "effect": "NoSchedule"} for key in (OTHER, STARTUP_TAINT)]
        self.kubectl.apply(
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": POOL}, "spec": {"taints": taints}}
        )
        self.say(name, gpus=gpus, ready=ready)

    def say(self, name: str, *, gpus: int, ready: bool = True) -> None:
        """As its kubelet would."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        offers = {"cpu": "4", "memory": "16Gi", "pods": "110", GPU_RESOURCE: str(gpus)}
        condition = {
            "type": "Ready",
            "status": str(ready),
            "reason": "Test",
            "message": "",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        status = {"capacity": offers, "allocatable": offers, "conditions": [condition]}
        self.kubectl.run(
            *("patch", "node", name, "--subresource=status", "--type=merge"),
            f"--patch={json.dumps({'status': status})}",
        )

    def taints(self, name: str) -> set[str]:
        """Without the control plane's own, which come and go."""
        found = self.kubectl.get("node", name)["spec"].get("taints") or []
        return {taint["key"] for taint in found if not taint["key"].startswith("node.kubernetes.io/")}

    def until(self, there: Callable[[], bool], program: Program) -> None:
        deadline = time.monotonic() + SEEN_WITHIN_S
        while not there():
            assert time.monotonic() < deadline, program.said()
            time.sleep(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def world(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    folder = tmp_path_factory.mktemp("readiness")
    dev = stack("dev")
    image = ImageRef(repository="registry.example/tritonup-programs", tag="0.1.0", digest=f"sha256:{'5' * 64}")
    planned = PlannedReadiness(
        image=Derived(image, "a test"),
        taint=STARTUP_TAINT,
        resource=GPU_RESOURCE,
        replicas=2,
        pools=(AwaitedPool(name="awaited", labels=POOL, gpus=Derived(GPUS, "a test")),),
    )
    objects = [manifest.body for manifest in rendered(replace(dev.plan, gpu_readiness=planned), "dev")]
    kinds = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Namespace")
    mine = [
        body
        for body in objects
        if body["kind"] in kinds and NAMESPACE in (body["metadata"]["name"], body["metadata"].get("namespace"))
    ]
    assert sorted(body["kind"] for body in mine) == sorted(kinds)
    (told,) = [body for body in objects if body["kind"] == "ConfigMap" and body["metadata"]["namespace"] == NAMESPACE]
    (text,) = told["data"].values()
    (folder / "settings.json").write_text(text, encoding="utf-8")
    kubectl.apply(*sorted(mine, key=lambda body: body["kind"] != "Namespace"))
    (there,) = yaml.safe_load(kubectl.kubeconfig.read_text(encoding="utf-8"))["clusters"]
    account = folder / "account"
    account.mkdir()
    (account / "ca.crt").write_bytes(base64.b64decode(there["cluster"]["certificate-authority-data"]))
    token = kubectl.run("create", "token", CALLED, f"--namespace={NAMESPACE}")
    (account / "token").write_text(token, encoding="ascii")
    try:
        yield World(
            kubectl=kubectl, server=there["cluster"]["server"], account=account, settings=folder / "settings.json"
        )
    finally:
        kubectl.run("delete", "clusterrole,clusterrolebinding", NAMESPACE)
        kubectl.run("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(autouse=True)
def no_node_left(world: World) -> Generator[None]:
    yield
    world.kubectl.run("delete", "nodes", "--selector=tritonup/pool=awaited", "--ignore-not-found")


def test_the_taint_goes_when_all_planned_gpus_can_be_allocated_and_not_before(world: World) -> None:
    with world.program() as program:
        world.node("late", gpus=0)
        world.until(lambda: "late: the taint stays, because 0" in program.said(), program)
        world.say("late", gpus=GPUS - 1)
        world.until(lambda: "late: the taint stays, because 1" in program.said(), program)
        time.sleep(QUIET_S)
        assert world.taints("late") == {OTHER, STARTUP_TAINT}
        world.say("late", gpus=GPUS)
        world.until(lambda: world.taints("late") == {OTHER}, program)
        # What goes later is not a new node's any more: the taint does not come back, and the program goes on.
        world.say("late", gpus=0)
        world.node("next", gpus=GPUS)
        world.until(lambda: world.taints("next") == {OTHER}, program)
        assert world.taints("late") == {OTHER}
        assert program.process.poll() is None


def test_a_node_whose_gpu_disappears_before_it_is_ready_keeps_the_taint(world: World) -> None:
    with world.program() as program:
        world.node("gone", gpus=GPUS, ready=False)
        world.until(lambda: "gone: the taint stays, because the node is not ready" in program.said(), program)
        world.say("gone", gpus=0, ready=True)
        world.until(lambda: "gone: the taint stays, because 0" in program.said(), program)
        time.sleep(QUIET_S)
        assert world.taints("gone") == {OTHER, STARTUP_TAINT}
        world.say("gone", gpus=GPUS)
        world.until(lambda: world.taints("gone") == {OTHER}, program)


def test_what_came_while_it_was_killed_is_found_when_it_is_started_again(world: World) -> None:
    with world.program() as program:
        world.node("before", gpus=0)
        world.until(lambda: "before: the taint stays" in program.said(), program)
        program.process.send_signal(signal.SIGKILL)
        program.process.wait()
    world.say("before", gpus=GPUS)
    world.node("meanwhile", gpus=GPUS)
    time.sleep(QUIET_S)
    assert world.taints("before") == world.taints("meanwhile") == {OTHER, STARTUP_TAINT}
    with world.program() as again:
        world.until(lambda: world.taints("before") == world.taints("meanwhile") == {OTHER}, again)


def test_two_at_once_do_what_one_does(world: World) -> None:
    names = [f"node-{number}" for number in range(5)]
    with world.program() as one, world.program() as other:
        for program in (one, other):
            world.node("first", gpus=0)
            world.until(lambda program=program: "first: the taint stays" in program.said(), program)
        for name in names:
            world.node(name, gpus=GPUS)
        world.until(lambda: all(world.taints(name) == {OTHER} for name in names), one)
        time.sleep(QUIET_S)
        for name in names:
            removals = [
                f"{name}: {GPUS} {GPU_RESOURCE} can be allocated, the taint is off" in p.said() for p in (one, other)
            ]
            assert sum(removals) == 1, "what one has done, the API server refuses the other"
        assert one.process.poll() is other.process.poll() is None


def test_every_page_of_nodes_is_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes, "PAGE", 2)
    for number in range(5):
        world.node(f"page-{number}", gpus=0)
    seen: list[str] = []
    api = kubernetes.Api(world.server, world.account)
    version = api.each(kubernetes.NODES, lambda body: seen.append(body["metadata"]["name"]))
    assert {f"page-{number}" for number in range(5)} <= set(seen)
    assert len(seen) == len(set(seen)) == len(world.kubectl.items("nodes"))
    assert version


def test_it_ends_at_once_when_it_is_told_to(world: World) -> None:
    with world.program() as program:
        world.node("any", gpus=0)
        world.until(lambda: "any: the taint stays" in program.said(), program)
        began = time.monotonic()
        program.process.terminate()
        assert program.process.wait(10) == 0
        assert time.monotonic() - began < 5


def test_its_account_may_do_nothing_but_see_and_patch_nodes(world: World) -> None:
    def may(*what: str) -> bool:
        account = f"--as=system:serviceaccount:{NAMESPACE}:{CALLED}"
        return world.kubectl.attempt("auth", "can-i", *what, account).stdout.strip() == "yes"

    assert all(may(verb, "nodes") for verb in ("get", "list", "watch", "patch"))
    refused: Sequence[tuple[str, ...]] = (
        ("delete", "nodes"),
        ("update", "nodes"),
        ("create", "nodes"),
        ("patch", "nodes", "--subresource=status"),
        ("get", "secrets", "--all-namespaces"),
        ("list", "pods", "--all-namespaces"),
        ("create", "pods", f"--namespace={NAMESPACE}"),
    )
    assert [what for what in refused if may(*what)] == []


def test_a_server_that_does_not_answer_is_asked_again(world: World) -> None:
    """A token that is not valid (any more) stands for whatever the API server refuses for a while."""
    token = (world.account / "token").read_text(encoding="ascii")
    (world.account / "token").write_text("nonsense", encoding="ascii")
    try:
        with world.program() as program:
            world.node("patient", gpus=GPUS)
            world.until(lambda: "listing nodes" in program.said(), program)
            unfinished = world.account / "token.new"
            unfinished.write_text(token, encoding="ascii")
            os.replace(unfinished, world.account / "token")  # noqa: PTH105  at once, as the kubelet renews it
            world.until(lambda: world.taints("patient") == {OTHER}, program)
    finally:
        (world.account / "token").write_text(token, encoding="ascii")
