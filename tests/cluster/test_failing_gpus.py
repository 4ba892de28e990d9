"""The programs that look after failed GPUs (`gpu_health/`), as processes against a real API server, with no more rights
than their own ServiceAccounts have.

Nodes and their kubelets are played, all else is real: the scheduler, the controllers of Deployments and disruption
budgets, the eviction API. The kernel's log is a file, but in the last test, where the agent runs in a pod of a real
node.
"""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_stacks import stack
from cluster_target import Printed, Target

from components.gpu import health, health_agent
from gpu_health.draining import Mark
from local.cluster.containers import import_everywhere
from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import LAYOUT, PROJECT
from local.cluster.programs_image import programs_image
from planning.derived import Derived
from planning.gpu_health import OURS, TAINT, PlannedHealth, WatchedPool
from planning.images import ImageRef
from planning.pools import GPU_RESOURCE
from programs.kubernetes import NODES, Api, ApiError, node_path
from stacks.render import rendered

POOL = {"tritonup/pool": "watched"}
SERVED = "tritonup-test-served"
REPLICAS, MAY_MISS = 4, 1
GPUS = 2
STARTS_IN_S = 1.0
WITHIN_S = 120.0
LOST = "<3>[6085.1] NVRM: Xid (PCI:0000:2b:00): 79, GPU has fallen off the bus.\n"
DBE = "<3>[6085.2] NVRM: Xid (PCI:0000:07:00): 48, pid='<unknown>', name=<unknown>, An uncorrectable double bit error\n"
HARMLESS = "<3>[1.0] NVRM: Xid (PCI:0000:07:00): 31, pid=1, name=python3, MMU Fault\n"


@dataclass(slots=True, kw_only=True)
class Kubelets(threading.Thread):
    """Play the kubelets of `names`: keep the nodes alive, and say of pods that they are ready a while after they came.
    What is seen on the way is kept: `fewest` ready pods, and the `most` nodes drained at once."""

    api: Api
    names: list[str] = field(default_factory=list[str])
    fewest: int = REPLICAS
    most: int = 0
    order: list[str] = field(default_factory=list[str])
    watching: bool = False
    failure: str = ""
    _came: dict[str, float] = field(default_factory=dict[str, float])
    _end: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        threading.Thread.__init__(self, daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        beat = 0.0
        while not self._end.wait(0.3):
            with suppress(ApiError):
                if time.monotonic() - beat > 10:
                    beat = time.monotonic()
                    for name in list(self.names):
                        self.say(name)
                self._pods()
                self._nodes()

    def end(self) -> None:
        self._end.set()
        self.join()

    def join_cluster(self, *names: str) -> None:
        for name in names:
            body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": POOL}}
            self.api.create(NODES, body)
            self.say(name)
            self.names.append(name)

    def say(self, name: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        offers = {"cpu": "4", "memory": "16Gi", "pods": "110", GPU_RESOURCE: str(GPUS)}
        ready = {"type": "Ready", "status": "True", "reason": "Test", "message": "", "lastHeartbeatTime": now}
        self.api.merge(
            f"{node_path(name)}/status",
            {"status": {"capacity": offers, "allocatable": offers, "conditions": [ready]}},
        )

    def ready(self) -> list[Any]:
        pods: list[Any] = []
        self.api.each(f"/api/v1/namespaces/{SERVED}/pods", pods.append, labelSelector="app=served")
        return [pod for pod in pods if _is_ready(pod)]

    def _pods(self) -> None:
        pods: list[Any] = []
        self.api.each(f"/api/v1/namespaces/{SERVED}/pods", pods.append, labelSelector="app=served")
        for pod in pods:
            uid = pod["metadata"]["uid"]
            placed = pod["spec"].get("nodeName") in self.names
            if (
                placed
                and not _is_ready(pod)
                and time.monotonic() - self._came.setdefault(uid, time.monotonic()) > STARTS_IN_S
            ):
                conditions = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")]
                path = f"/api/v1/namespaces/{SERVED}/pods/{pod['metadata']['name']}/status"
                self.api.merge(path, {"status": {"phase": "Running", "conditions": conditions}})
        if self.watching:
            self.fewest = min(self.fewest, sum(map(_is_ready, pods)))

    def _nodes(self) -> None:
        marks = self.marks()
        draining = [name for name, mark in marks.items() if mark is Mark.DRAINING]
        self.most = max(self.most, len(draining))
        self.order += [name for name in draining if name not in self.order]

    def marks(self) -> dict[str, Mark | None]:
        nodes: list[Any] = []
        self.api.each(NODES, nodes.append, labelSelector="tritonup/pool=watched")
        return {
            node["metadata"]["name"]: next(
                (Mark(taint["value"]) for taint in node["spec"].get("taints") or [] if taint["key"] == TAINT), None
            )
            for node in nodes
        }

    def gpu_healthy(self, name: str) -> str | None:
        conditions = self.api.get(node_path(name))["status"]["conditions"]
        return next((one["status"] for one in conditions if one["type"] == OURS.condition), None)


def _is_ready(pod: Any) -> bool:
    conditions = pod["status"].get("conditions") or []
    return not pod["metadata"].get("deletionTimestamp") and any(
        (one["type"], one["status"]) == ("Ready", "True") for one in conditions
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`authority` is the cluster's certificate, `told` what the drainer is told."""

    kubectl: Kubectl
    server: str
    authority: bytes
    folder: Path
    told: Path
    kubelets: Kubelets

    def account(self, name: str, token: str) -> Path:
        """What a pod with `token` finds mounted."""
        account = self.folder / name
        account.mkdir(exist_ok=True)
        (account / "ca.crt").write_bytes(self.authority)
        (account / "token").write_text(token, encoding="ascii")
        return account

    def token_on(self, node: str) -> str:
        """The agent's, as its pod on `node` would have it."""
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"agent-{node}", "namespace": health_agent.NAMESPACE},
            "spec": {
                "nodeName": node,
                "serviceAccountName": health_agent.CALLED,
                "containers": [{"name": "agent", "image": "registry.example/none"}],
                "terminationGracePeriodSeconds": 0,
            },
        }
        self.kubectl.apply(pod)
        uid = self.kubectl.get("pod", f"agent-{node}", f"--namespace={health_agent.NAMESPACE}")["metadata"]["uid"]
        return self.kubectl.run(
            *("create", "token", health_agent.CALLED, f"--namespace={health_agent.NAMESPACE}"),
            *("--bound-object-kind=Pod", f"--bound-object-name=agent-{node}", f"--bound-object-uid={uid}"),
        )

    @contextmanager
    def agent(self, node: str, log: Path) -> Generator[Program]:
        account = self.account(f"agent-{node}", self.token_on(node))
        with self._program("agent", f"--node={node}", f"--kernel-log={log}", f"--account={account}") as program:
            yield program

    @contextmanager
    def drainer(self) -> Generator[Program]:
        with self._program("drain", str(self.told), f"--account={self.folder / 'drainer'}") as program:
            yield program

    @contextmanager
    def _program(self, *arguments: str) -> Generator[Program]:
        said = self.folder / f"said-{time.monotonic_ns()}.log"
        with said.open("w", encoding="utf-8") as into:
            process = subprocess.Popen(
                [sys.executable, "-m", "gpu_health", *arguments, f"--server={self.server}"],
                cwd=PROJECT,
                stdout=into,
                stderr=subprocess.STDOUT,
            )
        try:
            yield Program(process=process, log=said)
        finally:
            # As a pod is ended: the Lease is given back.
            process.terminate()
            process.wait(30)

    def until(self, there: Callable[[], bool], *programs: Program) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not there():
            assert time.monotonic() < deadline, "\n---\n".join(program.said() for program in programs)
            time.sleep(0.3)


def _objects() -> list[Object]:
    """As they are rendered for a cluster whose cloud tells nothing of GPUs."""
    image = ImageRef(repository="registry.example/tritonup-programs", tag="0.1.0", digest=f"sha256:{'5' * 64}")
    planned = PlannedHealth(
        image=Derived(image, "a test"),
        taint=TAINT,
        sign=Derived(OURS, "a test"),
        pools=(WatchedPool(name="watched", labels=POOL, taints=(), at_once=Derived(1, "a test")),),
    )
    here = {health.NAMESPACE, health_agent.NAMESPACE}
    dev = stack("dev")
    bodies = [manifest.body for manifest in rendered(replace(dev.plan, gpu_health=planned), "dev")]
    return [body for body in bodies if here & {body["metadata"]["name"], body["metadata"].get("namespace")}]


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    return _objects()


@pytest.fixture(scope="module")
def world(kubectl: Kubectl, objects: list[Object], tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    folder = tmp_path_factory.mktemp("health")
    (told,) = [body for body in objects if body["kind"] == "ConfigMap"]
    (folder / "told.json").write_text(told["data"][health.FILE], encoding="utf-8")
    run = {"Deployment", "DaemonSet"}
    mine = [body for body in objects if body["kind"] not in run]
    kubectl.apply(*sorted(mine, key=lambda body: body["kind"] != "Namespace"))
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SERVED}})
    kubectl.run("create", "serviceaccount", "kubelets", f"--namespace={SERVED}")
    kubectl.run(
        *("create", "clusterrolebinding", SERVED, "--clusterrole=cluster-admin", f"--serviceaccount={SERVED}:kubelets")
    )
    (there,) = yaml.safe_load(kubectl.kubeconfig.read_text(encoding="utf-8"))["clusters"]
    authority = base64.b64decode(there["cluster"]["certificate-authority-data"])
    server = there["cluster"]["server"]
    own = folder / "kubelets"
    own.mkdir()
    (own / "ca.crt").write_bytes(authority)
    (own / "token").write_text(kubectl.run("create", "token", "kubelets", f"--namespace={SERVED}"), encoding="ascii")
    kubelets = Kubelets(api=Api(server, own, silent_s=10))
    world = World(
        kubectl=kubectl,
        server=server,
        authority=authority,
        folder=folder,
        told=folder / "told.json",
        kubelets=kubelets,
    )
    world.account("drainer", kubectl.run("create", "token", health.CALLED, f"--namespace={health.NAMESPACE}"))
    kubelets.start()
    try:
        yield world
    finally:
        kubelets.end()
        kubectl.attempt("delete", "nodes", "--selector=tritonup/pool=watched")
        kubectl.attempt("delete", "namespace", SERVED, health.NAMESPACE, health_agent.NAMESPACE, "--wait=false")
        kubectl.attempt("delete", "clusterrolebinding", SERVED, health.NAMESPACE, health_agent.NAMESPACE)
        kubectl.attempt("delete", "clusterrole", health.NAMESPACE, health_agent.NAMESPACE)
        kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings"
        kubectl.attempt("delete", kinds, health_agent.NAMESPACE)


def _served() -> Sequence[Object]:
    labels = {"app": "served"}
    container = {
        "name": "server",
        "image": "registry.example/none",
        "resources": {"limits": {GPU_RESOURCE: "1"}},
    }
    return (
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "served", "namespace": SERVED},
            "spec": {
                "replicas": REPLICAS,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "nodeSelector": POOL,
                        "terminationGracePeriodSeconds": 0,
                        "containers": [container],
                    },
                },
            },
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "served", "namespace": SERVED},
            "spec": {
                "maxUnavailable": MAY_MISS,
                "selector": {"matchLabels": labels},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",  # as our servers' have it
            },
        },
    )


def test_nodes_that_fail_at_once_are_drained_one_after_the_other_and_the_servers_floor_holds(world: World) -> None:
    kubelets = world.kubelets
    kubelets.join_cluster("bad-1", "bad-2")
    world.kubectl.apply(*_served())
    world.until(lambda: len(kubelets.ready()) == REPLICAS)
    kubelets.join_cluster("good-1", "good-2")
    logs = {name: world.folder / f"{name}.kmsg" for name in ("bad-1", "bad-2")}
    for log in logs.values():
        log.write_text(HARMLESS, encoding="utf-8")
    with ExitStack() as running:
        agents = [running.enter_context(world.agent(name, log)) for name, log in logs.items()]
        drainers = [running.enter_context(world.drainer()) for _ in range(2)]
        world.until(lambda: all(kubelets.gpu_healthy(name) == "True" for name in logs), *agents)
        holds = "lease: this one holds the Lease"
        world.until(lambda: any(holds in one.said() for one in drainers), *drainers)
        kubelets.watching = True
        for log, line in zip(logs.values(), (LOST, DBE), strict=True):
            log.write_text(HARMLESS + line, encoding="utf-8")
        world.until(lambda: Mark.DRAINED in kubelets.marks().values(), *drainers, *agents)
        # Whoever drains is told to end in the middle of it: the other goes on.
        (first,) = [one for one in drainers if holds in one.said()]
        (second,) = [one for one in drainers if one is not first]
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(20) == 0
        world.until(lambda: all(kubelets.marks()[name] is Mark.DRAINED for name in logs), *drainers)
        world.until(lambda: len(kubelets.ready()) == REPLICAS, *drainers)
        assert holds in second.said()
        assert f"a disruption budget keeps it on {kubelets.order[0]}" in first.said(), "the budget had a say"
    assert {kubelets.gpu_healthy(name) for name in logs} == {"False"}
    assert sorted(kubelets.order) == sorted(logs)
    assert kubelets.most == 1
    assert kubelets.fewest == REPLICAS - MAY_MISS
    assert {pod["spec"]["nodeName"] for pod in kubelets.ready()} == {"good-1", "good-2"}
    # The agents' own pods, which nobody would make anew, were left.
    left = world.kubectl.items("pods", f"--namespace={health_agent.NAMESPACE}")
    assert {pod["metadata"]["name"] for pod in left} >= {"agent-bad-1", "agent-bad-2"}


def test_a_node_that_boots_anew_with_healthy_gpus_is_given_back(world: World) -> None:
    world.kubelets.join_cluster("again")
    before = {"type": OURS.condition, "status": "False", "reason": "Xid79", "message": "lost (boot another)"}
    world.kubelets.api.merge(f"{node_path('again')}/status", {"status": {"conditions": [before]}})
    log = world.folder / "again.kmsg"
    log.write_text(HARMLESS, encoding="utf-8")
    with world.drainer() as drainer:
        world.until(lambda: world.kubelets.marks()["again"] is Mark.DRAINED, drainer)
        with world.agent("again", log) as agent:
            world.until(lambda: world.kubelets.gpu_healthy("again") == "True", agent)
            world.until(lambda: world.kubelets.marks()["again"] is None, drainer)


def test_an_agent_may_change_its_condition_of_its_own_node_and_nothing_else(world: World) -> None:
    world.kubelets.join_cluster("own", "other")
    own = Api(world.server, world.account("own", world.token_on("own")))
    unbound = world.kubectl.run("create", "token", health_agent.CALLED, f"--namespace={health_agent.NAMESPACE}")
    nowhere = Api(world.server, world.account("nowhere", unbound))
    condition = {"type": OURS.condition, "status": "True", "reason": "Test", "message": "", "lastTransitionTime": None}

    def refused(api: Api, node: str, patch: dict[str, Any]) -> bool:
        try:
            api.merge(f"{node_path(node)}/status", patch)
        except ApiError as failed:
            return failed.status in (403, 422)
        return False

    said = {"status": {"conditions": [condition]}}
    world.until(lambda: refused(own, "other", said))
    assert not refused(own, "own", said)
    assert refused(nowhere, "own", said)
    ready = {**condition, "type": "Ready", "status": "False"}
    assert refused(own, "own", {"status": {"conditions": [ready]}})
    assert refused(own, "own", {"status": {"allocatable": {GPU_RESOURCE: "8"}}})
    assert refused(own, "own", {"metadata": {"labels": {"tritonup/pool": "theirs"}}})


@pytest.mark.parametrize(
    ("who", "may", "may_not"),
    [
        (
            f"{health.NAMESPACE}:{health.CALLED}",
            [
                ("list", "nodes"),
                ("patch", "nodes"),
                ("list", "pods", "-A"),
                ("create", "pods", "--subresource=eviction", "-A"),
            ],
            [
                ("delete", "pods", "-A"),
                ("delete", "nodes"),
                ("patch", "nodes", "--subresource=status"),
                ("get", "secrets", "-A"),
                ("update", "leases", "-A"),
            ],
        ),
        (
            f"{health_agent.NAMESPACE}:{health_agent.CALLED}",
            [("get", "nodes"), ("patch", "nodes", "--subresource=status")],
            [("patch", "nodes"), ("list", "nodes"), ("list", "pods", "-A"), ("get", "secrets", "-A")],
        ),
    ],
    ids=["drainer", "agent"],
)
def test_their_accounts_may_do_nothing_that_they_do_not_do(
    world: World, who: str, may: list[tuple[str, ...]], may_not: list[tuple[str, ...]]
) -> None:
    def can(what: tuple[str, ...]) -> bool:
        asked = world.kubectl.attempt("auth", "can-i", *what, f"--as=system:serviceaccount:{who}")
        return asked.stdout.strip() == "yes"

    assert [what for what in may if not can(what)] == []
    assert [what for what in may_not if can(what)] == []


def test_the_agent_reads_the_kernels_log_in_a_pod_with_its_one_capability(
    world: World, objects: list[Object], target: Target, progress: Printed
) -> None:
    if target.own is None:
        pytest.skip("its image is not on the nodes of a cluster that is not ours")
    image = programs_image(LAYOUT, progress)
    (worker, *_) = [running.node.name for running in target.own.nodes() if not running.node.control]
    import_everywhere([image], [worker], target.own.parts)
    (daemon_set,) = [body for body in objects if body["kind"] == "DaemonSet"]
    spec = json.loads(json.dumps(daemon_set["spec"]["template"]["spec"]))
    spec |= {"nodeName": worker, "affinity": None}
    spec["containers"][0]["image"] = image.by_digest
    labels = daemon_set["spec"]["template"]["metadata"]["labels"]
    metadata = {"name": "real", "namespace": health_agent.NAMESPACE, "labels": labels}
    world.kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def said() -> str:
        told = world.kubectl.attempt("logs", "real", f"--namespace={health_agent.NAMESPACE}")
        return told.stdout + told.stderr

    deadline = time.monotonic() + WITHIN_S
    while f"{OURS.condition} is" not in said():
        assert time.monotonic() < deadline, said()
        time.sleep(0.5)
    assert world.kubelets.gpu_healthy(worker) in ("True", "False")
    world.kubectl.run("delete", "pod", "real", f"--namespace={health_agent.NAMESPACE}", "--grace-period=1")
