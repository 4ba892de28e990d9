"""Waiting until every pod of a stack is Ready, and saying meanwhile what each waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl, Object

POLL_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PodState:
    """`waits_for` is empty for a pod that is Ready."""

    name: str
    waits_for: str


def wait_until_ready(kubectl: Kubectl, namespace: str, told: Callable[[Sequence[PodState]], None]) -> int:
    """Until every Deployment of `namespace` is rolled out; the number of its pods. The Deployments' own deadline
    (progressDeadlineSeconds, which planning derives) is the only one. ClusterError when one passes it."""
    while True:
        deployments = kubectl.items("deployments", f"--namespace={namespace}")
        pods = kubectl.items("pods", f"--namespace={namespace}", "--selector=app.kubernetes.io/part-of=tritonup")
        states = [_state(pod) for pod in pods]
        told(states)
        if all(_rolled_out(deployment) for deployment in deployments) and not any(s.waits_for for s in states):
            return len(states)
        for deployment in deployments:
            if why := _given_up(deployment):
                waiting = "; ".join(f"{state.name}: {state.waits_for}" for state in states if state.waits_for)
                events = kubectl.attempt("get", "events", f"--namespace={namespace}", "--field-selector=type=Warning")
                raise ClusterError(
                    f"Deployment {deployment['metadata']['name']!r}: {why} {waiting}\n{events.stdout.strip()}"
                )
        time.sleep(POLL_S)


def _rolled_out(deployment: Object) -> bool:
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    return (
        status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("availableReplicas", 0) >= wanted
        and status.get("replicas", 0) == status.get("updatedReplicas", 0)
    )


def _given_up(deployment: Object) -> str:
    for condition in deployment.get("status", {}).get("conditions", []):
        if condition["type"] == "Progressing" and condition["status"] == "False":
            return str(condition["message"])
    return ""


def _state(pod: Object) -> PodState:
    name = str(pod["metadata"]["name"])
    if pod["metadata"].get("deletionTimestamp"):
        return PodState(name=name, waits_for="ends")
    status = pod.get("status", {})
    for container in status.get("containerStatuses", []):
        if waiting := container["state"].get("waiting"):
            return PodState(name=name, waits_for=f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": "))
    conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
    if conditions.get("Ready", {}).get("status") == "True":
        return PodState(name=name, waits_for="")
    if (scheduled := conditions.get("PodScheduled", {})).get("status") == "False":
        return PodState(name=name, waits_for=str(scheduled.get("message", "no node yet")))
    return PodState(name=name, waits_for="loads its models")
