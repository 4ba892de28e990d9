"""`tritonup models gc`, `list` and `status` with clusters named: what runs stays, and what cannot be read keeps all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from models_project import as_json, models, push
from places import Place
from stand_in_clusters import NO_SUCH_KIND, StandIn, stand_in
from test_running import BACK_OFF, REFUSED, container, owner, pod, ready, version

from publishing.layout import read_layout


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return stand_in(tmp_path, monkeypatch)


@pytest.fixture
def digests(project: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Published, and 40 days old: an old one that no stack file names, and the one that the stack names."""
    old = push()
    config = project / "model_repository" / "digits" / "config.pbtxt"
    config.write_text(config.read_text() + "\n# changed\n")
    new = push()

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Later:
            return cls.fromtimestamp((datetime.now(UTC) + timedelta(days=40)).timestamp(), UTC)

    monkeypatch.setattr("cli.models_stock.datetime", Later)
    return old, new


def gc(*clusters: StandIn, more: tuple[str, ...] = (), code: int = 0) -> dict[str, Any]:
    named = [f"--cluster={one.kubeconfig}" for one in clusters]
    return as_json("gc", "-s", "test", "--keep", "1", "--delete", *named, *more, code=code)


def published(moto: Place) -> set[str]:
    return {digest for _, digest in read_layout(moto.store.list())}


def test_what_nothing_in_the_cluster_names_goes(cluster: StandIn, digests: tuple[str, str], moto: Place) -> None:
    """Or the collection would collect nothing."""
    cluster.has(pod("a", digests[1], conditions=ready()))
    told = {one["digest"]: one["goes"] for one in gc(cluster)["decisions"]}
    assert told == {digests[0]: True, digests[1]: False}
    assert published(moto) == {digests[1]}


@pytest.mark.parametrize("kind", ["Pod", "Deployment", "ReplicaSet", "Job", "ModelVersion"])
def test_what_something_serves_or_may_roll_back_to_stays_and_it_is_told_what(
    kind: str, cluster: StandIn, digests: tuple[str, str], moto: Place
) -> None:
    old, new = digests
    serves = pod("a", new, conditions=ready())
    match kind:
        case "Pod":
            cluster.has(serves, pod("b", old))
        case "ModelVersion":
            cluster.has(serves)
            cluster.has_versions(version(old))
        case _:
            cluster.has(serves, owner(kind, "b", old))
    why = {one["digest"]: one["why"] for one in gc(cluster)["decisions"]}
    assert why[old].startswith(f"{kind} inference/")
    assert published(moto) == {old, new}


CANNOT_BE_READ = {
    "no answer": "Unable to connect to the server: dial tcp 10.0.0.1:443: i/o timeout",
    "no right": 'Error from server (Forbidden): pods is forbidden: User "ci" cannot list resource "pods"',
    "no login": "error: You must be logged in to the server (Unauthorized)",
}


@pytest.mark.parametrize(
    ("refusal", "answers"), [("no answer", ()), ("no right", ("workloads",)), ("no login", ("versions",))]
)
def test_a_cluster_that_cannot_be_read_whole_keeps_everything(
    refusal: str, answers: tuple[str, ...], cluster: StandIn, digests: tuple[str, str], moto: Place
) -> None:
    cluster.has(pod("a", digests[1]))
    cluster.has_versions()
    cluster.refuses(CANNOT_BE_READ[refusal], answers=answers)
    told = gc(cluster, code=1)
    assert CANNOT_BE_READ[refusal] in told["error"]
    assert "Nothing was removed" in told["error"]
    assert published(moto) == set(digests)


def test_one_cluster_of_two_that_cannot_be_read_keeps_everything(
    cluster: StandIn, digests: tuple[str, str], moto: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.has(pod("a", digests[1]))
    other = stand_in(tmp_path, monkeypatch, "other")
    other.refuses(CANNOT_BE_READ["no answer"])
    gc(cluster, other, code=1)
    assert published(moto) == set(digests)


def test_without_kubectl_nothing_goes(
    cluster: StandIn, digests: tuple[str, str], moto: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no `kubectl` on the PATH" in gc(cluster, code=1)["error"]
    assert published(moto) == set(digests)


def test_a_cluster_that_has_nothing_of_ours_may_be_the_wrong_one(
    cluster: StandIn, digests: tuple[str, str], moto: Place
) -> None:
    cluster.has({"kind": "Pod", "metadata": {"name": "a", "namespace": "b"}, "spec": {"image": "x@sha256:" + "0" * 64}})
    assert "is it the cluster that was meant" in gc(cluster, code=1)["error"]
    assert published(moto) == set(digests)


def test_a_stack_that_is_in_no_named_cluster_keeps_everything_unless_it_is_said_to_run_nowhere(
    cluster: StandIn, digests: tuple[str, str], moto: Place, project: Path
) -> None:
    cluster.has(pod("a", digests[1]))
    stack = (project / "Pulumi.test.yaml").read_text()
    (project / "Pulumi.other.yaml").write_text(
        stack.replace("tritonup:settings:", "tritonup:settings:\n    namespace: b")
    )
    assert "Stack 'other' reads the same destination" in gc(cluster, code=1)["error"]
    assert published(moto) == set(digests)
    models("gc", "-s", "test", "--without", "othr", code=2)
    gc(cluster, more=("--without", "other"))
    assert published(moto) == {digests[1]}


def test_a_rollback_that_begins_after_the_decision_keeps_what_it_needs(
    cluster: StandIn, digests: tuple[str, str], moto: Place
) -> None:
    old, new = digests
    cluster.has(pod("a", new), look=1)
    cluster.has(pod("a", new), owner("Deployment", "vision", old), look=2)
    told = {one["digest"]: (one["goes"], one["why"]) for one in gc(cluster)["decisions"]}
    assert told[old] == (False, "Deployment inference/vision of kubeconfig names it")
    assert published(moto) == {old, new}


def test_a_cluster_that_ends_to_answer_between_decision_and_removal_keeps_everything(
    cluster: StandIn, digests: tuple[str, str], moto: Place
) -> None:
    cluster.refuses(CANNOT_BE_READ["no answer"])
    cluster.has(pod("a", digests[1]), look=1)
    cluster.has_versions()
    gc(cluster, code=1)
    assert published(moto) == set(digests)


def test_list_shows_where_a_digest_runs(cluster: StandIn, digests: tuple[str, str]) -> None:
    old, new = digests
    cluster.has(pod("a", new, conditions=ready()), pod("b", new), owner("ReplicaSet", "r", old))
    rows = as_json("list", "-s", "test", f"--cluster={cluster.kubeconfig}")["published"]
    runs = {row["digest"]: row["runs"] for row in rows}
    assert runs == {new: ["kubeconfig inference: Serving 1/2"], old: ["kubeconfig inference: for rollback"]}
    assert "Serving" in models("list", "-s", "test", f"--cluster={cluster.kubeconfig}").stdout


NEW = "a" * 64


def test_status_tells_a_pipeline_what_came_of_a_roll_out(cluster: StandIn) -> None:
    """Of any folder: it reads clusters alone."""
    cluster.has(pod("a", NEW, conditions=ready()))
    (row,) = as_json("status", f"--cluster={cluster.kubeconfig}")["running"]
    assert (row["server"], row["phase"], row["ready"]) == ("vision", "Serving", 1)
    cluster.has(pod("a", NEW, initContainerStatuses=[container("models", BACK_OFF, REFUSED)]))
    told = models("status", f"--cluster={cluster.kubeconfig}", code=1).stdout
    assert "Failed 0/1" in told
    assert "[TU247]" in told
    cluster.refuses(NO_SUCH_KIND)
    assert "kubectl" in models("status", f"--cluster={cluster.kubeconfig}", code=1).stderr
    assert "--cluster" in models("status", code=2).stderr


def test_status_writes_into_versions_only_when_it_is_asked_to(cluster: StandIn) -> None:
    cluster.has(pod("a", NEW, conditions=ready()))
    cluster.has_versions(version(NEW))
    as_json("status", f"--cluster={cluster.kubeconfig}")
    assert not (cluster.folder / "patched").exists()
    as_json("status", f"--cluster={cluster.kubeconfig}", "--record")
    assert f"vision-digits-1-{NEW[:12]} --namespace=inference --subresource=status" in cluster.patched
    status = json.loads(cluster.patched.partition("--patch=")[2])["status"]
    assert (status["phase"], status["digest"]) == ("Serving", f"sha256:{NEW}")


def test_a_cluster_is_named_by_a_file_that_is_there(digests: tuple[str, str]) -> None:
    told = models("gc", "-s", "test", "--cluster", "nowhere", code=2).stderr
    assert "there is no kubeconfig 'nowhere'" in told
