"""What clusters say of digests: what is served or may be rolled back to is named, and a digest's phase is its pods'."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from planning.model_versions import API_VERSION, KIND, Phase
from planning.model_versions_schema import definition_spec
from publishing.running import ClusterSeen, Object, holders, look_at, running, status_of

NEW, OLD, OTHER = (hashlib.sha256(text).hexdigest() for text in (b"new", b"old", b"other"))
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def metadata(name: str, digest: str, server: str = "vision") -> dict[str, Any]:
    return {
        "name": name,
        "namespace": "inference",
        "labels": {"app.kubernetes.io/instance": server},
        "annotations": {"tritonup/models-digest": f"sha256:{digest}"},
    }


def pod(name: str, digest: str = NEW, **status: Any) -> Object:
    return {"kind": "Pod", "metadata": metadata(name, digest), "spec": {}, "status": status}


def owner(kind: str, name: str, digest: str) -> Object:
    template = {"metadata": metadata("", digest), "spec": {}}
    return {"kind": kind, "metadata": {"name": name, "namespace": "inference"}, "spec": {"template": template}}


def version(digest: str, model: str = "digits", number: int = 1) -> Object:
    name = f"vision-{model}-{number}-{digest[:12]}"
    spec = {"server": "vision", "model": model, "version": number, "repositoryDigest": f"sha256:{digest}"}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name, "namespace": "inference"},
        "spec": spec,
    }


def cluster(*objects: Object) -> ClusterSeen:
    return ClusterSeen(name="prod.yaml", objects=objects)


def ready(yes: bool = True) -> list[dict[str, Any]]:
    return [{"type": "Ready", "status": str(yes)}]


def container(name: str, state: dict[str, Any], last: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "state": state, "lastState": last or {}}


REFUSED = {"terminated": {"exitCode": 3, "reason": "Error", "message": "[TU247] digits/1/model.onnx: was changed"}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}

SERVES = pod("a", conditions=ready(), containerStatuses=[container("triton", {"running": {}})])
LOADS = pod("b", conditions=ready(False), containerStatuses=[container("triton", {"running": {}})])
FETCHES = pod("c", initContainerStatuses=[container("models", {"running": {}})])
WAITS = pod("d", conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}])
IS_REFUSED = pod("e", initContainerStatuses=[container("models", BACK_OFF, REFUSED)])
HAS_NO_IMAGE = pod("f", containerStatuses=[container("triton", {"waiting": {"reason": "ImagePullBackOff"}})])
STARTS = pod("g", containerStatuses=[container("triton", {"waiting": {"reason": "PodInitializing"}})])
RESTARTED = pod("h", containerStatuses=[container("triton", {"running": {}}, REFUSED)])


@pytest.mark.parametrize(
    ("pods", "phase", "counts"),
    [
        ((), Phase.PLANNED, (0, 0)),
        ((WAITS,), Phase.DELIVERING, (1, 0)),
        ((FETCHES,), Phase.DELIVERING, (1, 0)),
        ((STARTS,), Phase.DELIVERING, (1, 0)),
        ((LOADS, FETCHES), Phase.DELIVERED, (2, 0)),
        ((RESTARTED,), Phase.DELIVERED, (1, 0)),
        ((IS_REFUSED, LOADS), Phase.FAILED, (2, 0)),
        ((HAS_NO_IMAGE,), Phase.FAILED, (1, 0)),
        ((IS_REFUSED, SERVES), Phase.SERVING, (2, 1)),
    ],
)
def test_a_digest_has_come_as_far_as_its_pods_show(
    pods: tuple[Object, ...], phase: Phase, counts: tuple[int, int]
) -> None:
    look = look_at(pods)
    assert (look.phase, (look.pods, look.ready)) == (phase, counts)


def test_a_failure_says_what_the_container_said() -> None:
    look = look_at([IS_REFUSED])
    assert look.reason == "Error"
    assert look.message == (
        "container models of pod e ended with exit code 3: [TU247] digits/1/model.onnx: was changed"
    )
    assert look_at([HAS_NO_IMAGE]).reason == "ImagePullBackOff"
    assert look_at([WAITS]).message == "0/3"


@pytest.mark.parametrize("pods", [(), (WAITS,), (LOADS,), (IS_REFUSED,), (HAS_NO_IMAGE,), (SERVES,)])
def test_a_status_has_what_its_kind_asks_for_and_no_more(pods: tuple[Object, ...]) -> None:
    (of_kind,) = definition_spec()["versions"]
    schema = of_kind["schema"]["openAPIV3Schema"]["properties"]["status"]
    status = status_of(look_at(pods), NEW, NOW)
    assert set(status) == set(schema["properties"])
    assert all(status[field] is not None for field in schema["required"])
    assert len(str(status["message"] or "")) <= schema["properties"]["message"]["maxLength"]


def test_a_cluster_runs_what_its_pods_have_whether_or_not_it_knows_of_versions() -> None:
    objects = (owner("Deployment", "vision", NEW), owner("ReplicaSet", "vision-1", OLD), SERVES, pod("x", OTHER))
    (new, old, other) = sorted(running(cluster(*objects)), key=lambda row: [NEW, OLD, OTHER].index(row.digest))
    assert new.look is not None
    assert new.look.phase is Phase.SERVING
    assert old.look is None, "a ReplicaSet without pods is the way of a rollback"
    assert other.look is not None
    assert other.look.pods == 1
    assert (new.server, new.namespace, new.cluster, new.models) == ("vision", "inference", "prod.yaml", ())
    (told,) = running(cluster(version(NEW), version(NEW, "topics", 2), SERVES))
    assert told.models == ("digits/1", "topics/2")


def test_a_pod_that_is_over_does_not_count() -> None:
    evicted = pod("z", phase="Failed", conditions=ready())
    (row,) = running(cluster(owner("Deployment", "vision", NEW), evicted))
    assert row.look is not None
    assert (row.look.phase, row.look.pods) == (Phase.PLANNED, 0)


@pytest.mark.parametrize(
    "names",
    [
        pod("a", OLD),
        owner("Deployment", "a", OLD),
        owner("ReplicaSet", "a", OLD),
        owner("Job", "a", OLD),
        version(OLD),
        # Whatever the field: what nobody thought of keeps what it names.
        {"kind": "Pod", "metadata": {"name": "a", "namespace": "b"}, "spec": {"anything": [f"s3://m/v/{OLD}"]}},
        {"kind": "Pod", "metadata": {"name": "a", "namespace": "b"}, "spec": {"args": [f"--digest={OLD}"]}},
    ],
    ids=lambda one: json.dumps(one)[:40],
)
def test_whatever_names_a_digest_holds_it_and_is_told(names: Object) -> None:
    held = holders([cluster(SERVES), ClusterSeen(name="other.yaml", objects=(names,))])
    assert set(held) == {NEW, OLD}
    assert held[OLD].startswith(f"{names['kind']} ")
    assert "of other.yaml names it" in held[OLD]


def test_a_pod_is_told_before_what_merely_plans_it() -> None:
    held = holders([cluster(version(NEW), owner("ReplicaSet", "r", NEW), owner("Deployment", "d", NEW), SERVES)])
    assert held[NEW] == "Pod inference/a of prod.yaml names it"


def test_a_cluster_without_models_is_told_from_one_with_them() -> None:
    image = {"kind": "Pod", "metadata": {"name": "a"}, "spec": {"image": f"nginx@sha256:{OTHER}"}}
    assert not cluster(image).names_models
    assert not cluster().names_models
    assert all(cluster(image, one).names_models for one in (SERVES, version(OLD), owner("ReplicaSet", "r", OLD)))
