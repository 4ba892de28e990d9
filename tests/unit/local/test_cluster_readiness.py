"""When a stack is there: what serves is Ready, what runs once has run, and who waits learns of a failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl, Object
from local.cluster.readiness import wait_until_ready

OURS = {"app.kubernetes.io/part-of": "tritonup"}

DEPLOYMENT: Object = {
    "kind": "Deployment",
    "metadata": {"name": "triton-floor", "generation": 1},
    "spec": {"replicas": 1},
    "status": {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1, "replicas": 1},
}


GOING = {"deletionTimestamp": "2026-11-28T06:00:00Z"}


def pod(name: str, phase: str, **status: Any) -> Object:  # as Kubernetes has it
    metadata = {"name": name, "namespace": "n", "labels": OURS, "ownerReferences": [{"uid": "of-the-job"}]}
    return {"kind": "Pod", "metadata": metadata, "status": {"phase": phase, **status}}


def job(condition: str | None = None, **metadata: str) -> Object:
    conditions = [{"type": condition, "status": "True", "message": "It is over."}] if condition else []
    named = {"name": "fill-triton", "uid": "of-the-job", "labels": OURS, **metadata}
    return {"kind": "Job", "metadata": named, "status": {"conditions": conditions}}


SERVING = pod("serving", "Running", conditions=[{"type": "Ready", "status": "True"}])
DONE = pod("done", "Succeeded", conditions=[{"type": "Ready", "status": "False"}])
EVICTED = pod("evicted", "Failed")
REFUSED = pod(
    "refused",
    "Failed",
    containerStatuses=[{"name": "models", "restartCount": 0, "state": {"terminated": {"exitCode": 2}}}],
)


def waited(*looks: Sequence[Object]) -> int:
    """What comes of waiting for a cluster that shows `looks`, one after the other."""
    shown = iter(looks)

    def look(arguments: Sequence[str]) -> Mapping[str, Any]:
        return {"items": [DEPLOYMENT, SERVING, *next(shown)]}

    kubectl = Kubectl(program=Path("/bin/false"), kubeconfig=Path("none"), looks=look)
    return wait_until_ready(kubectl, "n", lambda states: None)


def test_pods_that_have_ended_for_good_are_not_waited_for_nor_counted() -> None:
    assert waited([job("Complete"), DONE, EVICTED]) == 1


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.cluster.readiness.POLL_S", 0)


def test_a_pod_that_leaves_is_waited_for_until_it_is_gone() -> None:
    leaving = {**DONE, "metadata": {**DONE["metadata"], **GOING}}
    with pytest.raises(StopIteration):
        waited([leaving], [leaving])
    assert waited([leaving], []) == 1


def test_a_job_is_waited_for() -> None:
    with pytest.raises(StopIteration):
        waited([job()], [job()])
    assert waited([job()], [job(), REFUSED], [job("Complete"), REFUSED, DONE]) == 1


def test_a_job_that_has_failed_ends_the_wait_with_the_words_of_its_pods() -> None:
    with pytest.raises(ClusterError) as told:
        waited([job("Failed"), REFUSED])
    assert "Job 'fill-triton': It is over." in str(told.value)
    assert "Pod refused: container 'models' ended with exit code 2" in str(told.value)


def test_a_failed_job_that_is_being_removed_is_nobodys_concern() -> None:
    assert waited([job("Failed", **GOING), REFUSED]) == 1
