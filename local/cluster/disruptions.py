"""What a cluster does to its pods, done on purpose: each as the real thing does it, and each waits until it is done.

The graceful ones leave a pod its whole grace period. `crash` does not, as an out-of-memory kill or a segfault does not.
"""

from __future__ import annotations

import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.cluster import cgroups
from local.cluster.boot import Cluster, vanish
from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl, Object
from planning.draining import DETECTION_LAG_S

RECLAIM_TAINT = "aws-node-termination-handler/spot-itn"
"""What AWS's handler puts on a node that is to be reclaimed (SpotInterruptionTaint, pkg/node/node.go); with the effect
NoExecute Kubernetes' own controller deletes every pod that does not tolerate it."""

POLL_S = 0.5
"""A look is a process of kubectl, which takes some 0.1 s of a core."""

LAST_LOOK_S = 1.0
"""Before the machine is gone: a look takes up to that on two busy cores."""

GONE_WITHIN_S = 300.0
"""The longest that is waited for pods that must go: above every grace period that planning gives."""

_VANISHING = threading.Lock()
"""Two nodes may be reclaimed at once, and only one command at a time may change the cluster's record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclaimed:
    """A node that was taken back. Moments are of the monotonic clock (`time.monotonic()`): the notice, the taint, and
    when the machine was gone. `left_after_s`: seconds from the notice until its last pod was seen to be gone, None
    where some were there to the end; those are `caught`."""

    node: str
    noticed: float
    tainted: float
    vanished: float
    left_after_s: float | None
    caught: tuple[str, ...]


def drain(kubectl: Kubectl, node: str, *, timeout_s: float) -> None:
    """Cordon `node` and evict every pod through the eviction API, which heeds disruption budgets; until they are gone.
    ClusterError after `timeout_s`, and then the node stays cordoned."""
    kubectl.run(
        *("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={timeout_s:.0f}s"),
        timeout_s=timeout_s + 30,
    )


def uncordon(kubectl: Kubectl, node: str) -> None:
    kubectl.run("uncordon", node)


def reclaim(cluster: Cluster, node: str, *, notice_s: float, noticed_after_s: float = DETECTION_LAG_S) -> Reclaimed:
    """A cloud takes a spot node back. It gives notice now; `noticed_after_s` later a termination handler taints the
    node, and its pods are deleted, with no regard to disruption budgets; `notice_s` after the notice the machine is
    gone, whatever is on it; then the cloud's controller deletes the node's object. Blocks that long."""
    kubectl = cluster.kubectl
    running = next((one for one in cluster.nodes() if one.node.name == node), None)
    if running is None:
        raise ClusterError(f"There is no node {node!r} to be reclaimed.")
    noticed = time.monotonic()
    time.sleep(noticed_after_s)
    kubectl.run("taint", "nodes", node, f"{RECLAIM_TAINT}=reclaimed:NoExecute")
    tainted = time.monotonic()
    left_after_s: float | None = None
    while True:
        there = _pods_on(kubectl, node)
        left_after_s = None if there else left_after_s or time.monotonic() - noticed
        left_s = noticed + notice_s - time.monotonic()
        if left_s <= LAST_LOOK_S:
            break
        time.sleep(min(POLL_S, left_s) if there else left_s - LAST_LOOK_S)
    time.sleep(max(0.0, left_s))
    running.process.kill()
    vanished = time.monotonic()
    with _VANISHING:
        vanish(cluster, node)
    kubectl.run("delete", "node", node, "--ignore-not-found")
    return Reclaimed(
        node=node, noticed=noticed, tainted=tainted, vanished=vanished, left_after_s=left_after_s, caught=tuple(there)
    )


def roll(kubectl: Kubectl, namespace: str, deployment: str) -> None:
    """A rolling update to a template that differs by an annotation; until the pods of before are gone."""
    before = _uids(pods_of(kubectl, namespace, deployment))
    kubectl.run("rollout", "restart", f"deployment/{deployment}", f"--namespace={namespace}")
    kubectl.run(*("rollout", "status", f"deployment/{deployment}", f"--namespace={namespace}"), timeout_s=GONE_WITHIN_S)
    wait_until_gone(kubectl, namespace, before)


def scale(kubectl: Kubectl, namespace: str, deployment: str, replicas: int) -> None:
    """Have the deployment's own scaler move it to `replicas`, by both of its bounds; where it has none, scale it
    directly. Until it has so many ready pods and no others."""
    to = f"--namespace={namespace}"
    if kubectl.attempt("get", "hpa", deployment, to, "--output=name").returncode == 0:
        bounds = json.dumps({"spec": {"minReplicas": replicas, "maxReplicas": replicas}})
        kubectl.run("patch", "hpa", deployment, to, "--type=merge", f"--patch={bounds}")
    else:
        kubectl.run("scale", f"deployment/{deployment}", to, f"--replicas={replicas}")

    def scaled() -> bool:
        body = kubectl.get("deployment", deployment, to)
        return (
            body["spec"]["replicas"] == replicas
            and body.get("status", {}).get("readyReplicas", 0) == replicas
            and len(pods_of(kubectl, namespace, deployment)) == replicas
        )

    _until(f"{deployment} to have {replicas} pods", scaled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed:
    """Moments of the monotonic clock: when the process was told, and from when it was no more. In between the kernel
    still takes connections and requests in its name."""

    told: float
    gone: float


def crash(cluster: Cluster, namespace: str, pod: str, *, container: str = "triton") -> Crashed:
    """SIGKILL to the first process of the pod's container, from outside: the kernel ends all others of it along. What
    comes after is the kubelet's."""
    body = cluster.kubectl.get("pod", pod, f"--namespace={namespace}")
    statuses = {status["name"]: status for status in body["status"]["containerStatuses"]}
    identity = str(statuses[container]["containerID"]).rpartition("//")[2]
    pid = first_process(identity)
    handle = os.pidfd_open(pid)
    try:
        if pid != first_process(identity):
            raise ClusterError(f"Container {container!r} of {pod!r} has ended by itself.")
        told = time.monotonic()
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        # Readable when the process has ended (pidfd_open(2)).
        if not select.select([handle], [], [], GONE_WITHIN_S)[0]:
            raise ClusterError(f"Container {container!r} of {pod!r} does not end.")
        return Crashed(told=told, gone=time.monotonic())
    finally:
        os.close(handle)


def delete_pod(kubectl: Kubectl, namespace: str, pod: str) -> None:
    """Delete the pod and wait until it is gone."""
    kubectl.run("delete", "pod", pod, f"--namespace={namespace}", timeout_s=GONE_WITHIN_S)


@contextmanager
def paused(cluster: Cluster, node: str, program: str) -> Generator[None]:
    """`program` of `node` (such as kube-proxy) does nothing while the context lasts, as on a machine that is busy."""
    running = next(one for one in cluster.nodes() if one.node.name == node)
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text(encoding="ascii")
    pid = next(int(child) for child in children.split() if _command(int(child)) == program)
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGSTOP)
        try:
            yield
        finally:
            signal.pidfd_send_signal(handle, signal.SIGCONT)
    finally:
        os.close(handle)


def pods_of(kubectl: Kubectl, namespace: str, deployment: str) -> list[Object]:
    """The pods of `deployment`, those that are leaving included."""
    body = kubectl.get("deployment", deployment, f"--namespace={namespace}")
    labels: Mapping[str, str] = body["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    return [*kubectl.items("pods", f"--namespace={namespace}", f"--selector={selector}")]


def wait_until_gone(kubectl: Kubectl, namespace: str, uids: set[str]) -> None:
    """Until no pod with one of `uids` is left. ClusterError after GONE_WITHIN_S."""
    to = f"--namespace={namespace}"
    there = [f"pod/{pod['metadata']['name']}" for pod in kubectl.items("pods", to) if pod["metadata"]["uid"] in uids]
    if there:
        # By a watch: a process for every look would take from what is measured meanwhile.
        kubectl.run("wait", "--for=delete", *there, to, f"--timeout={GONE_WITHIN_S:.0f}s", timeout_s=GONE_WITHIN_S + 30)


def _uids(pods: list[Object]) -> set[str]:
    return {str(pod["metadata"]["uid"]) for pod in pods}


def _pods_on(kubectl: Kubectl, node: str) -> list[str]:
    pods = kubectl.items("pods", "--all-namespaces", f"--field-selector=spec.nodeName={node}")
    return [f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in pods]


def first_process(container: str) -> int:
    """Of the container with this id, as this machine numbers it: the one that is number 1 in its own PID namespace
    (proc(5), NSpid of status). ClusterError where there is none."""
    root = cgroups.MOUNT if cgroups.unified() else cgroups.MOUNT / "memory"
    for listed in (root / cgroups.CGROUP).rglob(f"{container}/cgroup.procs"):
        for pid in listed.read_text(encoding="ascii").split():
            status = Path("/proc", pid, "status").read_text(encoding="utf-8", errors="replace")
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if numbers[-1] == "1":
                return int(pid)
    raise ClusterError(f"Container {container[:12]} runs no process on this machine.")


def _command(pid: int) -> str:
    return Path(os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0])).name


def _until(what: str, there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GONE_WITHIN_S
    while not there():
        if time.monotonic() > deadline:
            raise ClusterError(f"After {GONE_WITHIN_S:.0f} s of waiting for {what} it is not so.")
        time.sleep(POLL_S)
