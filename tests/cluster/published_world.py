"""A stack whose models come from a real S3 server, however they are delivered: published, signed, and looked at."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tritonclient.http
from cluster_stacks import RenderedStack
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from keep_asking import MODEL, is_ready

from local.client import Wire
from local.cluster.answers import ask_server, endpoint_of
from local.cluster.applying import Applied, apply_stack
from local.cluster.kubectl import Kubectl, Object
from local.cluster.readiness import wait_until_ready
from local.object_stores import SECRET, USER
from planning.signing import plan_trust
from publishing.keys import SigningKey, read_signing_key
from publishing.layout import content_key
from publishing.pushing import push
from publishing.store import Store

SECRET_NAME = "models-reader"
BEFORE = "models"
"""The init container that fetches, or waits for who does."""

Delivery = Mapping[str, Any]  # as a stack file has it

FETCHED: Delivery = {"kind": "fetched"}
SHARED_FILES = "shared-files"
ON_VOLUME: Delivery = {"kind": "volume", "storage": {"kind": "class", "name": SHARED_FILES, "size": "1Gi"}}

HEARD_WITHIN_S = 30.0
"""Every node of who serves and who does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A replica that serves version 1 of the model from `store`; `version` gives the stack with another one alone."""

    kubectl: Kubectl
    store: Store
    key: SigningKey
    first: RenderedStack
    version: Callable[[int, Delivery], RenderedStack]

    def publish(self, rendered: RenderedStack) -> None:
        (server,) = rendered.plan.servers
        trust = plan_trust(rendered.plan.settings.model_repository)
        push(self.store, server.name, server.served, self.key, trust)

    def tamper(self, rendered: RenderedStack, version: int) -> str:
        """Change a byte of the model in the store; the file's path."""
        (server,) = rendered.plan.servers
        path = f"{MODEL}/{version}/model.onnx"
        at = content_key(server.name, server.served.digest, path)
        changed = bytearray(self.store.read(at))
        changed[len(changed) // 2] ^= 1
        self.store.delete([at])
        self.store.create(at, bytes(changed))
        return path

    def roll_out(self, rendered: RenderedStack) -> Applied:
        return apply_stack(self.kubectl, rendered.name, rendered.objects)

    def settle(self) -> None:
        wait_until_ready(self.kubectl, self.first.plan.namespace, lambda states: None)

    def await_version(self, version: str) -> None:
        """Until it alone is served. Whoever served before may still be leaving, and is asked no more."""
        deployment = self.first.plan.servers[0].lanes[0].lane.deployment
        namespace = f"--namespace={self.first.plan.namespace}"
        self.kubectl.run("rollout", "status", f"deployment/{deployment}", namespace)
        deadline = time.monotonic() + HEARD_WITHIN_S
        while (versions := self.served_versions()) != [version]:
            assert time.monotonic() < deadline, versions
            time.sleep(0.5)

    def pods(self) -> dict[str, Object]:
        namespace = f"--namespace={self.first.plan.namespace}"
        return {pod["metadata"]["uid"]: pod for pod in self.kubectl.items("pods", namespace)}

    def ready(self) -> set[str]:
        """Of those that serve and stay: a Job's pod that runs is Ready too."""
        return {
            uid
            for uid, pod in self.pods().items()
            if is_ready(pod) and serves(pod) and "deletionTimestamp" not in pod["metadata"]
        }

    def served_versions(self) -> list[str]:
        """As Triton's own client hears it through the Service, which then answers a request right."""
        (server,) = self.first.plan.servers
        with endpoint_of(server, self.first.plan.namespace, self.kubectl) as endpoint:
            with tritonclient.http.InferenceServerClient(f"{endpoint.host}:{endpoint.ports.http}") as client:
                versions = client.get_model_metadata(MODEL)["versions"]
            assert [answer.fault for answer in ask_server(server, endpoint, Wire.GRPC)] == [None]
        return versions


def signing_key(path: Path) -> SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(private.private_bytes(*pem))
    return read_signing_key(path)


def readers_secret(namespace: str) -> Object:
    keys = {"AWS_ACCESS_KEY_ID": USER, "AWS_SECRET_ACCESS_KEY": SECRET}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET_NAME, "namespace": namespace},
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in keys.items()},
    }


def serves(pod: Object) -> bool:
    return any(owner["kind"] == "ReplicaSet" for owner in pod["metadata"].get("ownerReferences", []))


def init_status(pod: Object) -> Object:
    """Of the init container `BEFORE`: empty until it was made."""
    found = (one for one in pod["status"].get("initContainerStatuses", []) if one["name"] == BEFORE)
    return next(found, {"state": {}, "lastState": {}})


def with_job(rendered: RenderedStack, **spec: object) -> RenderedStack:
    """`rendered` with these fields in its Job."""
    objects = [
        {**body, "spec": {**body["spec"], **spec}} if body["kind"] == "Job" else body for body in rendered.objects
    ]
    return replace(rendered, objects=objects)
