"""The recording monitor refuses what the engine would refuse, invents nothing, and does not depend on order."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from pulumi import Output, ResourceOptions
from pulumi.runtime import MockResourceArgs
from pulumi_kubernetes.core.v1 import ConfigMap, Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from rendered_stack import RenderedStack, rendered_stack

import stacks.recording
from planning.plan import Plan
from stacks.recording import RecordingError, is_unknown, leaves, record
from stacks.render import UnknownValuesError, rendered

BUCKET = "cloud:storage:Bucket"


class Bucket(pulumi.CustomResource):
    """A resource of a cloud, whose address the cloud chooses."""

    url: Output[str]

    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__(BUCKET, name, {"size": 3, "url": None}, opts)


def _config(name: str = "a", **data: Any) -> ConfigMap:
    return ConfigMap(name, metadata=ObjectMetaArgs(name=name), data=data)


def _reads_a_bucket() -> None:
    bucket = Bucket("models")
    ConfigMap(
        "where",
        metadata=ObjectMetaArgs(name="where", namespace="serving"),
        data={"whole": bucket.url, "part": Output.concat("s3://", bucket.url, "/x"), "id": bucket.id, "known": "yes"},
    )


def test_two_resources_of_one_type_and_name_are_refused() -> None:
    def program() -> None:
        _config("a", x="1")
        _config("a", x="2")

    with pytest.raises(RecordingError, match=r"two resources of type kubernetes:core/v1:ConfigMap are named 'a'"):
        record(program, stack="test")


def test_one_name_for_resources_of_two_types_is_fine() -> None:
    def program() -> None:
        _config("a")
        Namespace("a", metadata=ObjectMetaArgs(name="a"))

    assert [one.name for one in record(program, stack="test")] == ["a", "a"]


def _asks_for_zones() -> list[str]:
    return pulumi.runtime.invoke("cloud:index:getZones", {}).value["zones"]


def test_a_function_that_nobody_planned_for_is_refused_by_its_name() -> None:
    with pytest.raises(RecordingError, match=r"the function cloud:index:getZones is called and nobody planned for it"):
        record(_asks_for_zones, stack="test")


def test_a_planned_function_answers_what_was_supplied() -> None:
    def program() -> None:
        _config(zones=",".join(_asks_for_zones()))

    (made,) = record(program, stack="test", calls={"cloud:index:getZones": {"zones": ["a", "b"]}})
    assert made.inputs["data"] == {"zones": "a,b"}


def test_a_resource_that_is_read_from_the_cloud_is_refused() -> None:
    with pytest.raises(RecordingError, match="ConfigMap 'theirs' is read from the cloud"):
        record(lambda: ConfigMap.get("theirs", "default/theirs"), stack="test")


@pytest.mark.parametrize("place", ["data", "name"])
def test_text_made_from_an_output_is_refused(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    def program() -> None:
        namespace = Namespace("n", metadata=ObjectMetaArgs(name="n"))
        if place == "data":
            _config(url=f"http://{namespace.id}/")
        else:
            ConfigMap(f"of-{namespace.id}")

    expected = {"data": "'a': data.url holds text made from an Output", "name": "has a name made from an Output"}
    with pytest.raises(RecordingError, match=expected[place]):
        record(program, stack="test")


def test_everything_that_is_refused_is_named_at_once() -> None:
    def program() -> None:
        _config("a")
        _config("a")
        pulumi.runtime.invoke("cloud:index:getZones", {})

    with pytest.raises(RecordingError, match=r"getZones.*; .*named 'a'|named 'a'.*; .*getZones"):
        record(program, stack="test")


@pytest.mark.parametrize("where", ["program", "apply", "apply that nobody waits for"])
def test_an_exception_in_a_program_reaches_the_caller(where: str) -> None:
    def broken(_: object) -> str:
        raise LookupError("what went wrong")

    def program() -> None:
        namespace = Namespace("n", metadata=ObjectMetaArgs(name="n"))
        match where:
            case "program":
                broken(None)
            case "apply":
                _config(x=namespace.metadata.apply(broken))
            case _:
                namespace.metadata.apply(broken)

    with pytest.raises(LookupError, match="what went wrong"):
        record(program, stack="test")


def test_a_program_that_failed_leaves_nothing_behind_for_the_next() -> None:
    def program() -> None:
        _config("a")
        raise LookupError

    with pytest.raises(LookupError):
        record(program, stack="test")
    (made,) = record(_config, stack="test")
    assert made.name == "a"


def test_what_only_a_cloud_knows_stays_unknown() -> None:
    made = {one.name: one.inputs for one in record(_reads_a_bucket, stack="test")}
    unknown = {path for path, value in leaves(made["where"]) if is_unknown(value)}
    assert unknown == {"data.whole", "data.part", "data.id"}
    assert made["models"] == {"size": 3}


def test_outputs_that_are_supplied_are_used_everywhere() -> None:
    made = {
        one.name: one.inputs
        for one in record(
            _reads_a_bucket, stack="test", outputs={f"{BUCKET}/models": {"url": "acme-models", "id": "b-1"}}
        )
    }
    assert made["where"]["data"] == {
        "whole": "acme-models",
        "part": "s3://acme-models/x",
        "id": "b-1",
        "known": "yes",
    }


def test_whole_numbers_stay_whole() -> None:
    def program() -> None:
        pulumi.CustomResource("t:t:T", "n", {"whole": 3, "fraction": 0.5, "inside": [{"one": 1}], "no": False})

    (made,) = record(program, stack="test")
    assert made.inputs == {"whole": 3, "fraction": 0.5, "inside": [{"one": 1}], "no": False}
    assert type(made.inputs["whole"]) is int


@pytest.fixture
def with_a_bucket(monkeypatch: pytest.MonkeyPatch, assembled_models: None) -> Plan:
    """A plan of which `rendered` makes a program that stands on a cloud's resource."""
    plan = rendered_stack("local").plan
    monkeypatch.setattr("stacks.render.compose", lambda plan, opts: _reads_a_bucket())
    return plan


def test_rendering_names_the_object_and_field_of_every_unknown_value(with_a_bucket: Plan) -> None:
    with pytest.raises(UnknownValuesError) as refused:
        rendered(with_a_bucket, "test")
    assert sorted(refused.value.unknown) == [
        ("ConfigMap 'where'", "data.id"),
        ("ConfigMap 'where'", "data.part"),
        ("ConfigMap 'where'", "data.whole"),
    ]
    assert "  ConfigMap 'where': data.whole\n" in str(refused.value)
    assert "--outputs" in str(refused.value)


def test_rendering_takes_unknown_values_from_the_outputs_and_leaves_the_clouds_resources_out(
    with_a_bucket: Plan,
) -> None:
    outputs = {f"{BUCKET}/models": {"url": "acme-models", "id": "b-1"}}
    (made,) = rendered(with_a_bucket, "test", outputs)
    assert made.body["data"]["whole"] == "acme-models"


def test_rendering_twice_in_one_process_gives_the_same_bytes(whole: RenderedStack) -> None:
    again = rendered(whole.plan, whole.name)
    assert [one.yaml() for one in again] == [one.yaml() for one in whole.manifests]


def test_the_stacks_name_is_in_no_object(whole: RenderedStack) -> None:
    """A stack that is renamed, or a second one of the same file, renders the same."""
    again = rendered(whole.plan, "another-name")
    assert [one.yaml() for one in again] == [one.yaml() for one in whole.manifests]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_registration_does_not_matter(
    seed: int, monkeypatch: pytest.MonkeyPatch, assembled_models: None
) -> None:
    known = rendered_stack("prod")
    chance = random.Random(seed)
    order = _with_delays(monkeypatch, chance)
    servers = list(known.plan.servers)
    chance.shuffle(servers)
    shuffled = replace(
        known.plan,
        servers=tuple(replace(one, lanes=tuple(chance.sample(one.lanes, len(one.lanes)))) for one in servers),
    )
    assert [one.yaml() for one in rendered(shuffled, "prod")] == [one.yaml() for one in known.manifests]
    assert len(order) >= len(known.manifests)
    assert order != sorted(order)  # it was another order


def _with_delays(monkeypatch: pytest.MonkeyPatch, chance: random.Random) -> list[tuple[str, str]]:
    """Make the monitor answer some registrations late; the order in which it answered."""
    answered: list[tuple[str, str]] = []
    lock = threading.Lock()
    answer: Callable[..., Any] = stacks.recording._Recorder.new_resource

    def late(self: Any, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        with lock:
            delay = chance.uniform(0, 0.004)
        time.sleep(delay)
        result = answer(self, args)
        with lock:
            answered.append((args.typ, args.name))
        return result

    monkeypatch.setattr(stacks.recording._Recorder, "new_resource", late)
    return answered
