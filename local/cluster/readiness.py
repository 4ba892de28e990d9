"""Waiting until every pod of a stack is Ready and its Jobs are done, and saying meanwhile what each pod waits for."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl, Object

POLL_S = 1.0

HOPELESS_AFTER = 2
"""Starts of one container that ended by themselves with an error: the same image and the same models fail alike, and
the Deployment's deadline may be many minutes away."""

LINES_READ = 400
LINES_SHOWN = 10
"""Of a container's log. Triton's own errors begin with E and the date (`E1127 07:30:01.123456 1 …`); where there are
such lines they are shown, otherwise the last ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodState:
    """`waits_for` is empty for a pod that is Ready."""

    name: str
    waits_for: str


def wait_until_ready(kubectl: Kubectl, namespace: str, told: Callable[[Sequence[PodState]], None]) -> int:
    """Until every Deployment of `namespace` is rolled out, with the replicas that its scaler keeps at least (a new one
    has a single replica until the scaler first looks, after 15 s at the most), and every Job is done; the number of
    pods that serve. ClusterError when a Deployment passes its own deadline (progressDeadlineSeconds, which planning
    derives), a Job has failed, or a container of a new pod fails again and again: with what the container said. What
    served before serves on."""
    while True:
        # At once: each look is a process, and a busy machine has better things to do.
        there = kubectl.items("deployments,jobs,pods,hpa", f"--namespace={namespace}")
        deployments = [body for body in there if body["kind"] == "Deployment"]
        jobs = [body for body in there if body["kind"] == "Job" and _is_ours(body) and not _leaves(body)]
        scalers = [body for body in there if body["kind"] == "HorizontalPodAutoscaler"]
        pods = [body for body in there if body["kind"] == "Pod" and _is_ours(body)]
        states = [_state(pod) for pod in pods if not _has_ended(pod)]
        told(states)
        done = all(_condition(job, "Complete") for job in jobs)
        rolled_out = done and all(_rolled_out(deployment) for deployment in deployments)
        if rolled_out and not any(state.waits_for for state in states) and _scaled(deployments, scalers):
            return len(states)
        for job in jobs:
            if failed := _condition(job, "Failed"):
                said = "\n".join(_said(pod, one, kubectl) for pod in _pods_of(job, pods) for one in _failing(pod))
                raise ClusterError(f"Job {job['metadata']['name']!r}: {failed['message']}\n{said}")
        for deployment in deployments:
            if why := _given_up(deployment):
                waiting = "; ".join(f"{state.name}: {state.waits_for}" for state in states if state.waits_for)
                events = kubectl.attempt("get", "events", f"--namespace={namespace}", "--field-selector=type=Warning")
                said = "\n".join(_said(pod, one, kubectl) for pod in pods for one in _failing(pod))
                raise ClusterError(
                    f"Deployment {deployment['metadata']['name']!r}: {why} {waiting}\n{events.stdout.strip()}\n{said}"
                )
        for pod in pods:
            for one in _failing(pod):
                if one.failures >= HOPELESS_AFTER:
                    raise ClusterError(_said(pod, one, kubectl))
        time.sleep(POLL_S)


def _is_ours(pod: Object) -> bool:
    return pod["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") == "tritonup"


def _leaves(body: Object) -> bool:
    return "deletionTimestamp" in body["metadata"]


def _has_ended(pod: Object) -> bool:
    """And stays, as a Job's pods do and those that are evicted: others have come in their place, or will."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed") and not _leaves(pod)


def _pods_of(job: Object, pods: Sequence[Object]) -> list[Object]:
    owners = [(pod, pod["metadata"].get("ownerReferences", [])) for pod in pods]
    return [pod for pod, owned in owners if any(owner["uid"] == job["metadata"]["uid"] for owner in owned)]


def _condition(body: Object, kind: str) -> Object | None:
    """Where it is true."""
    found = (one for one in body.get("status", {}).get("conditions", []) if one["type"] == kind)
    return next((one for one in found if one["status"] == "True"), None)


def _scaled(deployments: Sequence[Object], scalers: Sequence[Object]) -> bool:
    least = {scaler["spec"]["scaleTargetRef"]["name"]: int(scaler["spec"].get("minReplicas", 1)) for scaler in scalers}
    return all(
        int(deployment["spec"].get("replicas", 1)) >= least.get(deployment["metadata"]["name"], 0)
        for deployment in deployments
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failing:
    """A container that is not ready and whose starts end with an error, the last with `exit_code`."""

    container: str
    failures: int
    exit_code: int


def _failing(pod: Object) -> Iterator[_Failing]:
    status = pod.get("status", {})
    if _leaves(pod):
        return
    for one in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
        now, last = one["state"].get("terminated"), one.get("lastState", {}).get("terminated")
        ended = now or last
        if ended and ended["exitCode"] != 0 and not one.get("ready"):
            yield _Failing(
                container=one["name"],
                # Each start but the first is a restart; one that is waited for has not been counted yet.
                failures=one["restartCount"] + (0 if one["state"].get("running") else 1),
                exit_code=ended["exitCode"],
            )


def _said(pod: Object, failing: _Failing, kubectl: Kubectl) -> str:
    metadata = pod["metadata"]
    where = (metadata["name"], f"--namespace={metadata['namespace']}", f"--container={failing.container}")
    # Where it waits for its next start, the log is still that of the last.
    previous = ("--previous",) if "running" in _state_of(pod, failing.container) else ()
    told = kubectl.attempt("logs", *where, f"--tail={LINES_READ}", *previous)
    lines = told.stdout.strip().splitlines()
    errors = [line for line in lines if re.match(r"E\d{4} ", line)]
    shown = "\n".join(f"  {line}" for line in (errors or lines)[-LINES_SHOWN:])
    times = f"{failing.failures} times, the last " if failing.failures > 1 else ""
    return (
        f"Pod {metadata['name']}: container {failing.container!r} ended {times}with exit code {failing.exit_code}, and"
        f" said:\n{shown or f'  (nothing: {told.stderr.strip()})'}\nPods that served before serve on. The whole log:"
        f" kubectl logs {' '.join(where)}"
    )


def _state_of(pod: Object, container: str) -> Object:
    status = pod.get("status", {})
    for one in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
        if one["name"] == container:
            return one["state"]
    return {}


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
    if _leaves(pod):
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
