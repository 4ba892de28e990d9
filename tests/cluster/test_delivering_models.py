"""Models from a real S3 server: what is published and signed is served, and nothing else is.

Fetched by pods: a new version is pushed, rolled out, verified by tritonclient and rolled back (issue 6, Show 3); one
that was changed never becomes Ready, while the old one serves on. Then the same from a volume that Jobs fill once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from cluster_stacks import RenderedStack, stack
from cluster_target import Printed, Target, brought, remove_at_once
from keep_asking import MODEL, asked_meanwhile, assert_all_were_answered, patient_model
from published_world import (
    BEFORE,
    FETCHED,
    ON_VOLUME,
    SECRET_NAME,
    SHARED_FILES,
    Delivery,
    World,
    init_status,
    readers_secret,
    serves,
    signing_key,
    with_job,
)

from local.cluster.errors import ClusterError
from local.cluster.kubectl import Object
from local.cluster.layout import ADDRESSES
from local.object_stores import MINIO, RunningStore, program, start_minio
from planning.storage import FilledSource
from planning.volumes import USER
from publishing.layout import read_layout
from publishing.store import Store

WAITS_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def store(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningStore]:
    if target.own is None:
        pytest.skip("the store listens where the pods of a cluster of ours find this machine")
    found = program(MINIO)
    if isinstance(found, str):
        pytest.skip(found)
    running = start_minio(found, tmp_path_factory.mktemp("minio"), address=str(ADDRESSES.machine))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def world(
    target: Target, store: RunningStore, progress: Printed, tmp_path_factory: pytest.TempPathFactory
) -> Generator[World]:
    models = patient_model(tmp_path_factory.mktemp("models"))
    key = signing_key(tmp_path_factory.mktemp("keys") / "key.pem")

    def delivered(settings: dict[str, Any], delivery: Delivery) -> None:
        settings["model_repository"] = {
            "directory": str(models),
            "destination": {
                "kind": "s3-compatible",
                "endpoint": store.endpoint,
                "bucket": "models",
                "prefix": "triton",
                "credentials": SECRET_NAME,
                "networks": [f"{ADDRESSES.machine}/32"],
                "delivery": dict(delivery),
            },
            "signing": {"trusted": {"ci": key.public.pem}},
        }
        settings["accept"].append({"rule": "TU124", "reason": "the store is on this very machine"})
        settings["security"] = {}
        settings["servers"]["triton"] |= {"models": [MODEL], "resources": {"cpu": "700m", "memory": "2Gi"}}

    def version(number: int, delivery: Delivery) -> RenderedStack:
        (old,) = (folder for folder in (models / MODEL).iterdir() if folder.name.isdigit())
        if old.name != str(number):
            old.rename(models / MODEL / str(number))
        return brought(stack("local", lambda settings: delivered(settings, delivery)), target, progress)

    first = version(1, FETCHED)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in store.environment.items():
            environment.setenv(name, value)
        made = World(kubectl=target.kubectl, store=Store("s3://models/triton"), key=key, first=first, version=version)
        made.publish(first)
        target.kubectl.apply(*first.of_kind("Namespace"), readers_secret(first.plan.namespace))
        made.roll_out(first)
        try:
            made.settle()
            yield made
        finally:
            remove_at_once(first, target.kubectl)


@pytest.fixture(scope="module")
def volume(world: World, tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A volume of class `SHARED_FILES`: a folder of this machine, which each of its nodes sees at the same path.

    User 1000 may write to it from the start. A local volume is given to a pod's group only where no other pod of the
    node has it (SetUpAt, pkg/volume/local/local.go), and the pod that waits may be there first."""
    folder = tmp_path_factory.mktemp("volume")
    os.chown(folder, USER, USER)
    every_node = {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}
    world.kubectl.apply(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": SHARED_FILES},
            "provisioner": "kubernetes.io/no-provisioner",
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": SHARED_FILES},
            "spec": {
                "storageClassName": SHARED_FILES,
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "local": {"path": str(folder)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [every_node]}},
            },
        },
    )
    yield folder
    for kind in ("storageclass", "persistentvolume"):
        # The claim still holds the volume, and goes with the stack.
        world.kubectl.attempt("delete", kind, SHARED_FILES, "--wait=false")


def test_a_new_version_is_pushed_rolled_out_and_rolled_back_and_every_request_is_answered(world: World) -> None:
    assert world.served_versions() == ["1"]
    second = world.version(2, FETCHED)
    assert second.plan.servers[0].served.digest != world.first.plan.servers[0].served.digest
    with asked_meanwhile(world.first, world.kubectl) as asked:
        world.publish(second)
        world.roll_out(second)
        world.settle()
        assert world.served_versions() == ["2"]
        world.roll_out(world.first)
        world.settle()
        assert world.served_versions() == ["1"]
    assert_all_were_answered(asked)


def test_a_version_that_was_changed_in_the_store_never_serves_while_the_old_one_serves_on(world: World) -> None:
    before, others = world.ready(), set(world.pods())
    assert before
    third = world.version(3, FETCHED)
    world.publish(third)
    path = world.tamper(third, 3)
    with asked_meanwhile(world.first, world.kubectl) as asked:
        world.roll_out(third)
        with pytest.raises(ClusterError) as told:
            world.settle()
        assert world.ready() == before
        (refused,) = (pod for uid, pod in world.pods().items() if uid not in others)
        world.roll_out(world.first)
        world.settle()
    assert_all_were_answered(asked)
    assert world.ready() == before
    assert world.served_versions() == ["1"]
    # Who waited reads it where it was said, and so does whoever looks at the pod.
    status = init_status(refused)
    ended = status["state"].get("terminated") or status["lastState"]["terminated"]
    for said in (str(told.value), ended["message"]):
        assert "[TU247]" in said
        assert path in said
    assert f"container {BEFORE!r} ended" in str(told.value)


def test_pods_wait_for_the_job_that_fills_their_volume_and_can_write_nothing_there(world: World, volume: Path) -> None:
    before, others = world.ready(), set(world.pods())
    first = world.version(1, ON_VOLUME)
    world.roll_out(with_job(first, suspend=True))
    deadline = time.monotonic() + WAITS_WITHIN_S
    while not (waiting := [pod for uid, pod in world.pods().items() if uid not in others and _is_waiting(pod)]):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert world.ready() == before
    assert not any(volume.iterdir())
    world.roll_out(first)
    world.await_version("1")
    # It was never started anew: it waited.
    assert world.ready() == {one["metadata"]["uid"] for one in waiting}
    (pod,) = (pod for uid, pod in world.pods().items() if uid in world.ready())
    assert init_status(pod)["restartCount"] == 0
    assert _published(volume) == {first.plan.servers[0].served.digest}
    unchanged = world.roll_out(first)
    assert (unchanged.changed, unchanged.pruned) == ((), ())
    source = first.plan.servers[0].storage.source
    assert isinstance(source, FilledSource)
    inside = (pod["metadata"]["name"], f"--namespace={first.plan.namespace}", "--container=triton")
    refused = world.kubectl.attempt("exec", *inside, "--", "touch", f"{source.path}/{MODEL}/config.pbtxt")
    # The file is of its own user, and may be written to where the mount allows it.
    assert "Read-only file system" in refused.stderr
    assert (volume / source.folder / MODEL / "config.pbtxt").stat().st_uid == USER


def test_a_new_version_is_filled_beside_the_one_that_serves_and_a_changed_one_is_not(
    world: World, volume: Path
) -> None:
    before = _published(volume)
    second = world.version(2, ON_VOLUME)
    world.publish(second)
    world.roll_out(second)
    world.await_version("2")
    both = before | {second.plan.servers[0].served.digest}
    assert _published(volume) == both
    serving = world.ready()
    changed = world.version(4, ON_VOLUME)
    world.publish(changed)
    path = world.tamper(changed, 4)
    # Without its further attempts, which it spreads over minutes.
    world.roll_out(with_job(changed, backoffLimit=0))
    with pytest.raises(ClusterError) as told:
        world.settle()
    assert "Job 'fill-" in str(told.value)
    assert "[TU247]" in str(told.value)
    assert path in str(told.value)
    assert _published(volume) == both
    assert world.ready() == serving
    assert world.served_versions() == ["2"]


def _is_waiting(pod: Object) -> bool:
    return "running" in init_status(pod)["state"] and serves(pod)


def _published(volume: Path) -> set[str]:
    """The digests that are there whole, with their signature."""
    held = read_layout(Store(volume.as_uri()).list())
    return {digest for (_, digest), one in held.items() if one.published and one.files}
