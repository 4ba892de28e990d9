"""One run: pods that each wait for a GPU, and the nodes that Karpenter buys for them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks.nodes.settings import PoolSettings
from local.cluster.errors import ClusterError
from local.cluster.karpenter import Buying, Offers, node_class, of_kwok
from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import PROJECT
from planning.pools import GPU_RESOURCE, STARTUP_TAINT

NODE_AFTER_S, GPU_AFTER_S = 40, 36
"""Seconds from a machine's launch until its node is ready, and from then until its GPU can be allocated, as measured on
EKS (awslabs/data-on-eks, 2026-07-10: g6e.2xlarge, event timestamps, image pulls left out)."""

BETWEEN_S = 1.0
"""Between two pods."""

AFTERWARDS_S = 30.0
"""Waited when all pods run: whatever Karpenter might still buy for pods that had no place a moment ago."""

WITHIN_S = 600.0

LABEL = "tritonup-benchmark/waits"
ACCOUNT = "startup-taints"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """`bought`: nodes in all. `served_s`: of each pod, from its creation until it runs, sorted."""

    settings: str
    number: int
    pods: int
    bought: int
    served_s: tuple[float, ...]


def run(
    settings: PoolSettings,
    number: int,
    pods: int,
    *,
    ours: Sequence[Object],
    kubectl: Kubectl,
    buying: Buying,
    folder: Path,
) -> Run:
    """ClusterError where not every pod runs in time."""
    taint = STARTUP_TAINT if settings.tainted and not settings.declared else None
    buying.offer(Offers(gpu_after_s=GPU_AFTER_S, taint=taint))
    kubectl.apply(node_class(NODE_AFTER_S), *(of_kwok(body) for body in settings.of(ours)))
    before = buying.bought()
    try:
        with _remover(kubectl, folder) if settings.tainted else _nobody():
            for each in range(pods):
                kubectl.apply(_pod(f"waits-{each}"))
                time.sleep(BETWEEN_S)
            _wait(kubectl, pods)
            time.sleep(AFTERWARDS_S)
        return Run(
            settings=settings.key,
            number=number,
            pods=pods,
            bought=buying.bought() - before,
            served_s=tuple(sorted(_served(pod) for pod in _pods(kubectl))),
        )
    finally:
        kubectl.run("delete", "pods", "--namespace=default", f"--selector={LABEL}", "--grace-period=0", "--force")
        kubectl.run("delete", "nodepools,nodeclaims", "--all", "--timeout=300s", timeout_s=400)


def _pod(name: str) -> Object:
    """It asks for what stack prod's servers ask for."""
    amounts = {"cpu": "3", "memory": "12Gi", GPU_RESOURCE: "1"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {LABEL: "true"}},
        "spec": {
            "nodeSelector": {"tritonup/pool": "a10g-spot"},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "containers": [
                {"name": "only", "image": "any", "resources": {"requests": amounts, "limits": {GPU_RESOURCE: "1"}}}
            ],
        },
    }


def _pods(kubectl: Kubectl) -> Sequence[Object]:
    return kubectl.items("pods", "--namespace=default", f"--selector={LABEL}")


def _wait(kubectl: Kubectl, pods: int) -> None:
    deadline = time.monotonic() + WITHIN_S
    while sum(1 for pod in _pods(kubectl) if pod["status"].get("phase") == "Running") < pods:
        if time.monotonic() > deadline:
            raise ClusterError(f"Not all of {pods} pods run after {WITHIN_S:.0f} s.")
        time.sleep(2)


def _served(pod: Object) -> float:
    ready = next(one for one in pod["status"]["conditions"] if one["type"] == "Ready")
    made, runs = (
        datetime.fromisoformat(text) for text in (pod["metadata"]["creationTimestamp"], ready["lastTransitionTime"])
    )
    return (runs - made).total_seconds()


@contextmanager
def _nobody() -> Generator[None]:
    yield


@contextmanager
def _remover(kubectl: Kubectl, folder: Path) -> Generator[None]:
    """Our program runs, by an account that may see and patch nodes."""
    kubectl.apply(*_account())
    (there,) = yaml.safe_load(kubectl.kubeconfig.read_text(encoding="utf-8"))["clusters"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.crt").write_bytes(base64.b64decode(there["cluster"]["certificate-authority-data"]))
    (folder / "token").write_text(kubectl.run("create", "token", ACCOUNT, "--namespace=default"), encoding="ascii")
    settings = {
        "taint": STARTUP_TAINT,
        "resource": GPU_RESOURCE,
        "pools": [{"name": "a10g-spot", "labels": {"tritonup/pool": "a10g-spot"}, "gpus": 1}],
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "gpu_readiness", str(folder / "settings.json")]
    with (folder / "said.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, f"--server={there['cluster']['server']}", f"--account={folder}"],
            cwd=PROJECT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _account() -> Sequence[Mapping[str, Any]]:
    rbac = "rbac.authorization.k8s.io"
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": "default"}},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": ACCOUNT},
            "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch", "patch"]}],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "default"}],
        },
    )
