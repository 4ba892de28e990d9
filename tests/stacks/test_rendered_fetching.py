"""What becomes of `delivery: {kind: fetched}`: one container more, which alone may write, and nothing else changes."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from pod_security import violations
from rendered_stack import (
    Body,
    RenderedStack,
    container_of,
    example_repository,
    pod_of,
    raw_settings,
    rendered_plan,
    rendered_stack,
)

from planning.catalogue import CATALOGUE
from planning.images import ImageLock, image_lock
from planning.planner import plan
from planning.settings.quantities import Memory
from planning.settings.reading import read_settings
from planning.settings.repository import Signing
from planning.settings.root import Settings
from planning.storage import MOUNT, FetchedSource
from tests.unit.planning.world import MINIO, SIGNING
from tests.unit.planning.world import image_lock as lock_with_programs

STACKS = ("dev", "prod")
ONTO = ("disk", "memory")


def settings_fetching(stack: str, destination: dict[str, Any], cluster: dict[str, Any]) -> Settings:
    raw = raw_settings(stack)
    raw["cluster"] |= cluster
    raw.setdefault("images", {})["registry"] = "registry.example/acme"
    raw["model_repository"] |= {"destination": destination, "signing": SIGNING}
    read = read_settings(raw)
    assert isinstance(read, Settings), read
    return read


@functools.cache
def fetching(stack: str, onto: str = "disk") -> RenderedStack:
    destination = raw_settings(stack)["model_repository"]["destination"]
    return of({**destination, "delivery": {"kind": "fetched", "onto": onto}}, stack)


def of(destination: dict[str, Any], stack: str, **cluster: Any) -> RenderedStack:
    """`cluster`: fields of that block which are other than the stack file's."""
    programs = [one for one in lock_with_programs().images if one.name == "tritonup-programs"]
    lock = ImageLock(images=tuple(one for one in image_lock().images if one.name != "tritonup-programs"))
    for one in programs:
        lock = lock.holding(one)
    settings = settings_fetching(stack, destination, cluster)
    return rendered_plan(stack, plan(settings, example_repository(), CATALOGUE, lock))


def fetcher_of(deployment: Body) -> Body:
    """The first of all."""
    first = pod_of(deployment)["initContainers"][0]
    assert first["name"] == "models"
    return first


def volumes_of(deployment: Body) -> dict[str, Body]:
    return {volume["name"]: volume for volume in pod_of(deployment)["volumes"]}


@pytest.mark.parametrize("stack", STACKS)
def test_only_the_fetcher_writes_to_the_models_and_triton_reads_them_by_the_planned_digest(
    stack: str, assembled_models: None
) -> None:
    for server, _, deployment in fetching(stack).lanes():
        writers = [
            container["name"]
            for container in (*pod_of(deployment)["initContainers"], *pod_of(deployment)["containers"])
            for mount in container.get("volumeMounts", [])
            if mount["name"] == "models" and not mount.get("readOnly")
        ]
        assert writers == ["models"]
        arguments = fetcher_of(deployment)["args"]
        assert arguments[:3] == ["models", "pull", server.name]
        assert f"--digest={server.served.digest}" in arguments
        expected = f"--model-repository={MOUNT}/{server.name}/{server.served.digest}"
        assert expected in container_of(deployment)["args"]


@pytest.mark.parametrize("onto", ONTO)
@pytest.mark.parametrize("stack", STACKS)
def test_the_pod_is_admitted_and_asks_for_no_more_than_without(stack: str, onto: str, assembled_models: None) -> None:
    plain = {lane.lane.deployment: body for _, lane, body in rendered_stack(stack).lanes()}
    for server, lane, deployment in fetching(stack, onto).lanes():
        template = deployment["spec"]["template"]
        assert violations(template["metadata"], template["spec"]) == []
        fetcher, triton = fetcher_of(deployment), container_of(deployment)
        assert fetcher["resources"]["requests"] == fetcher["resources"]["limits"]
        for amount in ("cpu", "memory"):
            assert fetcher["resources"]["requests"][amount] == triton["resources"]["requests"][amount]
            before = container_of(plain[lane.lane.deployment])["resources"]["requests"][amount]
            assert triton["resources"]["requests"][amount] == before
        source = server.storage.source
        assert isinstance(source, FetchedSource)
        volume = volumes_of(deployment)["models"]["emptyDir"]
        assert volume["sizeLimit"] == str(source.room.value)
        assert volume.get("medium") == ("Memory" if onto == "memory" else None)
        on_disk = Memory.parse(triton["resources"]["requests"]["ephemeral-storage"]).bytes
        kept = server.storage.scratch.value.bytes + (source.room.value.bytes if onto == "disk" else 0)
        assert on_disk > kept


@pytest.mark.parametrize("stack", STACKS)
def test_whom_it_trusts_is_what_the_settings_say_and_no_part_of_the_pods_revision(
    stack: str, assembled_models: None
) -> None:
    known = fetching(stack)
    data = known.one("ConfigMap", "model-signing")["data"]
    signing = known.plan.settings.model_repository.signing
    assert Signing.model_validate_json(data["signing.json"]) == signing
    for _, _, deployment in known.lanes():
        assert volumes_of(deployment)["model-signing"]["configMap"] == {"name": "model-signing"}
        assert "PUBLIC KEY" not in json.dumps(deployment)


def test_the_clouds_role_is_for_the_fetcher_alone(assembled_models: None) -> None:
    for _, _, deployment in fetching("prod").lanes():
        annotations = deployment["spec"]["template"]["metadata"]["annotations"]
        assert annotations["eks.amazonaws.com/skip-containers"] == "triton,proxy"
    for _, _, deployment in fetching("dev").lanes():
        assert "skip-containers" not in json.dumps(deployment)


def test_the_keys_of_another_s3_come_from_the_secret_to_the_fetcher_alone(assembled_models: None) -> None:
    for _, _, deployment in of(MINIO, "dev").lanes():
        fetcher = fetcher_of(deployment)
        keys = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in fetcher["env"]}
        assert keys == {
            name: {"name": "models-reader", "key": name} for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        }
        assert "--endpoint=https://minio.example:9000" in fetcher["args"]
        others = [*pod_of(deployment)["initContainers"][1:], *pod_of(deployment)["containers"]]
        assert "models-reader" not in json.dumps(others)


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_changes_but_the_pods_and_the_keys_that_they_trust(stack: str, assembled_models: None) -> None:
    before, after = rendered_stack(stack).by_object(), fetching(stack).by_object()
    assert {key[0] for key in after.keys() - before.keys()} == {"ConfigMap"}
    assert before.keys() <= after.keys()
    changed = {key[0] for key in before if before[key] != after[key]}
    assert changed == {"Deployment"}
