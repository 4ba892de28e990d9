"""Pods that fetch their models from a real S3 server: what is published and signed is served, and nothing else is.

A new version is pushed, rolled out, verified by tritonclient and rolled back (issue 6, Show 3); one that was changed
never becomes Ready, while the old one serves on.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tritonclient.http
from cluster_stacks import RenderedStack, stack
from cluster_target import Printed, Target, brought, remove_at_once
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from keep_asking import MODEL, asked_meanwhile, assert_all_were_answered, is_ready, patient_model

from local.client import Wire
from local.cluster.answers import ask_server, endpoint_of
from local.cluster.applying import apply_stack
from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import ADDRESSES
from local.cluster.readiness import wait_until_ready
from local.object_stores import MINIO, SECRET, USER, RunningStore, program, start_minio
from planning.signing import plan_trust
from publishing.keys import SigningKey, read_signing_key
from publishing.layout import content_key
from publishing.pushing import push
from publishing.store import Store

SECRET_NAME = "models-reader"
FETCHER = "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A replica that serves version 1 of the model from `store`; `version` gives the stack with another one alone."""

    kubectl: Kubectl
    store: Store
    key: SigningKey
    first: RenderedStack
    version: Callable[[int], RenderedStack]

    def publish(self, rendered: RenderedStack) -> None:
        (server,) = rendered.plan.servers
        trust = plan_trust(rendered.plan.settings.model_repository)
        push(self.store, server.name, server.served, self.key, trust)

    def roll_out(self, rendered: RenderedStack) -> None:
        apply_stack(self.kubectl, rendered.name, rendered.objects)

    def settle(self) -> None:
        wait_until_ready(self.kubectl, self.first.plan.namespace, lambda states: None)

    def pods(self) -> dict[str, Object]:
        namespace = f"--namespace={self.first.plan.namespace}"
        return {pod["metadata"]["uid"]: pod for pod in self.kubectl.items("pods", namespace)}

    def ready(self) -> set[str]:
        return {uid for uid, pod in self.pods().items() if is_ready(pod)}

    def served_versions(self) -> list[str]:
        """As Triton's own client hears it through the Service, which then answers a request right."""
        (server,) = self.first.plan.servers
        with endpoint_of(server, self.first.plan.namespace, self.kubectl) as endpoint:
            with tritonclient.http.InferenceServerClient(f"{endpoint.host}:{endpoint.ports.http}") as client:
                versions = client.get_model_metadata(MODEL)["versions"]
            assert [answer.fault for answer in ask_server(server, endpoint, Wire.GRPC)] == [None]
        return versions


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


def signing_key(path: Path) -> SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(private.private_bytes(*pem))
    return read_signing_key(path)


@pytest.fixture(scope="module")
def world(
    target: Target, store: RunningStore, progress: Printed, tmp_path_factory: pytest.TempPathFactory
) -> Generator[World]:
    models = patient_model(tmp_path_factory.mktemp("models"))
    key = signing_key(tmp_path_factory.mktemp("keys") / "key.pem")

    def fetched(settings: dict[str, Any]) -> None:
        settings["model_repository"] = {
            "directory": str(models),
            "destination": {
                "kind": "s3-compatible",
                "endpoint": store.endpoint,
                "bucket": "models",
                "prefix": "triton",
                "credentials": SECRET_NAME,
                "networks": [f"{ADDRESSES.machine}/32"],
            },
            "signing": {"trusted": {"ci": key.public.pem}},
        }
        settings["accept"].append({"rule": "TU124", "reason": "the store is on this very machine"})
        settings["security"] = {}
        settings["servers"]["triton"] |= {"models": [MODEL], "resources": {"cpu": "700m", "memory": "2Gi"}}

    def version(number: int) -> RenderedStack:
        (old,) = (folder for folder in (models / MODEL).iterdir() if folder.name.isdigit())
        if old.name != str(number):
            old.rename(models / MODEL / str(number))
        return brought(stack("local", fetched), target, progress)

    first = version(1)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in store.environment.items():
            environment.setenv(name, value)
        made = World(kubectl=target.kubectl, store=Store("s3://models/triton"), key=key, first=first, version=version)
        made.publish(first)
        target.kubectl.apply(*first.of_kind("Namespace"), _secret(first.plan.namespace))
        made.roll_out(first)
        try:
            made.settle()
            yield made
        finally:
            remove_at_once(first, target.kubectl)


def _secret(namespace: str) -> Object:
    keys = {"AWS_ACCESS_KEY_ID": USER, "AWS_SECRET_ACCESS_KEY": SECRET}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET_NAME, "namespace": namespace},
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in keys.items()},
    }


def _of_fetcher(pod: Object) -> Object:
    (status,) = (one for one in pod["status"]["initContainerStatuses"] if one["name"] == FETCHER)
    return status


def test_a_new_version_is_pushed_rolled_out_and_rolled_back_and_every_request_is_answered(world: World) -> None:
    assert world.served_versions() == ["1"]
    second = world.version(2)
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
    third = world.version(3)
    world.publish(third)
    (server,) = third.plan.servers
    at = content_key(server.name, server.served.digest, f"{MODEL}/3/model.onnx")
    changed = bytearray(world.store.read(at))
    changed[len(changed) // 2] ^= 1
    world.store.delete([at])
    world.store.create(at, bytes(changed))
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
    status = _of_fetcher(refused)
    ended = status["state"].get("terminated") or status["lastState"]["terminated"]
    for said in (str(told.value), ended["message"]):
        assert "[TU247]" in said
        assert f"{MODEL}/3/model.onnx" in said
    assert f"container {FETCHER!r} ended" in str(told.value)
