"""A stack file is read whole: every error in it is reported, at its exact place, with what to write instead."""

from __future__ import annotations

import copy
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from planning.findings import dotted
from planning.settings.root import Settings
from tests.unit.settings.stack_texts import STACK, Path, Plain, at, blocks, findings, leaves, put, said

# What is written where, and the finding that it must give: rule and place.
MISTAKES: tuple[tuple[Path, Plain, str, str], ...] = (
    (("namespace",), "Inference!", "TU104", "namespace"),
    (("namspace",), "inference", "TU101", "namspace"),
    (("cluster", "stack"), "cluster", "TU104", "cluster.stack"),
    (("cluster", "cluster", "zones", 1), 2, "TU104", "cluster.cluster.zones[1]"),
    (("cluster", "cluster", "gke"), 1, "TU101", "cluster.cluster.gke"),
    (("cluster", "cluster", "endpoint", "kind"), "open", "TU103", "cluster.cluster.endpoint.kind"),
    (("cluster", "cluster", "spot_notice"), "60", "TU104", "cluster.cluster.spot_notice"),
    (("controllers", "keda"), "maybe", "TU104", "controllers.keda"),
    (("images",), "registry.example", "TU104", "images"),
    (("gpu_pools", "Cheap"), STACK["gpu_pools"]["steady"], "TU104", "gpu_pools.Cheap"),
    (("gpu_pools", "cheap", "sharing"), {"profile": "1g.10gb"}, "TU103", "gpu_pools.cheap.sharing"),
    (("gpu_pools", "steady", "gpu"), "nvidia-rtx", "TU104", "gpu_pools.steady.gpu"),
    (("gpu_pools", "steady", "nodes", "max"), 0, "TU104", "gpu_pools.steady.nodes.max"),
    (("model_repository", "destination", "claim"), 5, "TU104", "model_repository.destination.claim"),
    (("servers", "vision", "kind"), "vllm", "TU103", "servers.vision.kind"),
    (("servers", "vision", "release"), 26.08, "TU104", "servers.vision.release"),
    (("servers", "vision", "models"), [], "TU104", "servers.vision.models"),
    (("servers", "vision", "replicas", "floor"), "2", "TU104", "servers.vision.replicas.floor"),
    (("servers", "vision", "replicas", "ceiling"), True, "TU104", "servers.vision.replicas.ceiling"),
    (("servers", "vision", "exposure", "callers", 0, "pods"), [], "TU104", "servers.vision.exposure.callers[0].pods"),
    (
        ("servers", "vision", "exposure", "callers", 0, "pods", "-x"),
        "y",
        "TU104",
        "servers.vision.exposure.callers[0].pods.-x",
    ),
    (("servers", "vision", "slo", "availability"), 100, "TU104", "servers.vision.slo.availability"),
    (("servers", "text", "gpu"), "none", "TU104", "servers.text.gpu"),
    (("servers", "text", "drain"), {"slowest_request": None}, "TU104", "servers.text.drain.slowest_request"),
    (("servers", "text", "resources", "cpu"), 2, "TU104", "servers.text.resources.cpu"),
    (("accept", 0, "reason"), "because", "TU104", "accept[0].reason"),
    (("accept", 0, "rule"), "TU1", "TU104", "accept[0].rule"),
)
one_mistake = pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake[3])


def test_the_stack_that_mistakes_are_made_in_has_none() -> None:
    assert said(STACK) == []


@one_mistake
def test_a_mistake_is_reported_at_its_exact_place(mistake: tuple[Path, Plain, str, str]) -> None:
    path, value, rule, place = mistake
    assert said(put(path, value)) == [(rule, place)]


@given(st.lists(st.sampled_from(MISTAKES), unique_by=lambda mistake: mistake[3]))
def test_every_mistake_of_a_file_is_reported_at_once(mistakes: list[tuple[Path, Plain, str, str]]) -> None:
    stack: Plain = STACK
    made: list[tuple[Path, Plain, str, str]] = []
    for path, value, rule, place in mistakes:
        # One mistake may replace the block that another is in.
        if not any(path[: len(other)] == other or other[: len(path)] == path for other, *_ in made):
            stack = put(path, value, stack)
            made.append((path, value, rule, place))
    assert sorted(said(stack)) == sorted((rule, place) for _, _, rule, place in made)


@one_mistake
def test_a_mistake_is_quoted_with_the_rule_and_a_way_out(mistake: tuple[Path, Plain, str, str]) -> None:
    path, value, rule, _ = mistake
    (finding,) = findings(put(path, value))
    assert finding.what.endswith(".")
    assert finding.fix.endswith(".")
    assert len(finding.fix) > len("Write .")
    if rule == "TU104" and isinstance(value, str | int | float):
        assert repr(value) in finding.what or repr(path[-1]) in finding.what


def named_fields() -> list[Path]:
    """The place of every field of the stack above that a model declares, as opposed to names that users choose."""
    chosen = (("servers",), ("gpu_pools",), ("labels",), ("monitoring", "labels"))
    return [
        (*path, name)
        for path in blocks()
        if path not in chosen and path[-1:] not in (("machines",), ("pods",), ("labels",))
        for name in at(STACK, path)
        if name != "kind"
    ]


@given(st.sampled_from(named_fields()), st.data())
def test_a_misspelt_field_is_named_and_the_right_one_offered(path: Path, data: st.DataObject) -> None:
    name = str(path[-1])
    lost = data.draw(st.integers(0, len(name) - 1))
    misspelt = name[:lost] + name[lost + 1 :]
    stack = copy.deepcopy(STACK)
    block = at(stack, path[:-1])
    block[misspelt] = block.pop(name)
    (unknown,) = [finding for finding in findings(stack) if finding.rule.id == "TU101"]
    assert unknown.at.field == dotted((*path[:-1], misspelt))
    assert repr(misspelt) in unknown.what
    if len(name) > 3:
        assert f"Did you mean {name!r}?" in unknown.fix
    assert name in unknown.fix


def without(path: Path) -> Plain:
    stack = copy.deepcopy(STACK)
    del at(stack, path[:-1])[path[-1]]
    return stack


@pytest.mark.parametrize(
    "path",
    [
        ("cluster",),
        ("cluster", "stack"),
        ("cluster", "cluster", "region"),
        ("gpu_pools", "steady", "nodes", "max"),
        ("gpu_pools", "cheap", "sharing", "profile"),
        ("model_repository", "destination"),
        ("servers", "vision", "release"),
        ("servers", "vision", "replicas", "floor"),
        ("servers", "vision", "exposure", "networks"),
        ("servers", "vision", "slo", "latency", "within"),
        ("monitoring",),
        ("accept", 0, "reason"),
    ],
    ids=dotted,
)
def test_a_field_without_a_default_is_missed_at_its_place(path: Path) -> None:
    (finding,) = findings(without(path))
    assert (finding.rule.id, finding.at.field) == ("TU102", dotted(path))
    assert f"Add `{path[-1]}:`." in finding.fix


@given(st.sampled_from(named_fields()))
def test_taking_a_field_out_is_said_of_that_field_or_not_at_all(path: Path) -> None:
    assert [each for each in said(without(path)) if each != ("TU102", dotted(path))] == []


@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        (("cluster", "kind"), "referense", "reference"),
        (("cluster", "cluster", "kind"), "gkee", "gke"),
        (("model_repository", "destination", "kind"), "imagee", "image"),
        (("monitoring", "kind"), "prometheus_operator", "prometheus-operator"),
        (("servers", "text", "exposure", "kind"), "publik", "public"),
        (("servers", "text", "kind"), "tritn", "triton"),
        (("gpu_pools", "cheap", "sharing", "kind"), "migs", "mig"),
    ],
)
def test_a_misspelt_kind_is_met_with_those_that_its_block_offers(path: Path, wrong: str, right: str) -> None:
    (finding,) = findings(put(path, wrong))
    assert (finding.rule.id, finding.at.field) == ("TU103", dotted(path))
    assert f"Did you mean {right!r}?" in finding.fix
    assert repr(wrong) in finding.what


def test_the_tag_of_a_union_is_in_no_place() -> None:
    """pydantic puts the kind between the fields; a field may have the same name as its kind."""
    assert said(put(("model_repository", "destination"), {"kind": "claim"})) == [
        ("TU102", "model_repository.destination.claim")
    ]
    gke = put(("cluster", "cluster"), {"kind": "gke", "gke": {"gke": 1}})
    assert ("TU101", "cluster.cluster.gke") in said(gke)
    assert all(".gke.gke" not in place for _, place in said(gke))


@pytest.mark.parametrize("whole", [None, [], "text", 3, True])
def test_something_else_than_a_mapping_is_one_finding(whole: Plain) -> None:
    assert said(whole) == [("TU104", "tritonup:settings")]


@given(st.sampled_from([*leaves(), *blocks()]), st.sampled_from([None, 1, 1.5, "", "x", True, [], {}, [[]], [{}]]))
def test_no_value_anywhere_makes_reading_fail(path: Path, value: Plain) -> None:
    for finding in findings(put(path, value)):
        assert finding.at.field
        assert finding.what
        assert finding.fix


# Two values that are fine alone, and not together; and values that a cluster would refuse.
@pytest.mark.parametrize(
    ("path", "value", "place", "word"),
    [
        (("gpu_pools", "steady", "nodes"), {"min": 5, "max": 2}, "gpu_pools.steady.nodes.max", "`min`"),
        (("cluster", "cluster", "zones"), ["us-east1-a"], "cluster.cluster.zones", "us-central1"),
        (("cluster", "cluster", "zones"), ["us-central1-a"] * 2, "cluster.cluster.zones", "twice"),
        (("cluster", "cluster", "kubernetes"), "1.28", "cluster.cluster.kubernetes", "1.30"),
        (("servers", "vision", "gpu", "pools"), ["steady", "steady"], "servers.vision.gpu.pools", "twice"),
        (("servers", "vision", "models"), ["digits", "digits"], "servers.vision.models", "twice"),
        (("servers", "vision", "scaling"), {"scale_in_after": "61m"}, "servers.vision.scaling.scale_in_after", "1h"),
        (("servers", "text-headless"), STACK["servers"]["text"], "servers.text-headless", "-headless"),
        (("servers", "engine-sources"), STACK["servers"]["text"], "servers.engine-sources", "building of engines"),
        (("namespace",), "kube-system", "namespace", "Kubernetes' own"),
        (("namespace",), "default", "namespace", "Kubernetes' own"),
    ],
)
def test_what_a_cloud_or_a_cluster_would_refuse_later_is_refused_here(
    path: Path, value: Plain, place: str, word: str
) -> None:
    (finding,) = findings(put(path, value))
    assert (finding.rule.id, finding.at.field) == ("TU104", place)
    assert word in finding.what


def test_availability_zones_of_eks_are_of_its_region() -> None:
    eks = {
        "kind": "eks",
        "account": "123456789012",
        "region": "us-east-1",
        "zones": ["us-east-1a", "us-west-2b"],
        "endpoint": {"kind": "private"},
    }
    assert said(put(("cluster",), eks)) == [("TU104", "cluster.zones")]
    assert said(put(("cluster",), eks | {"zones": ["us-east-1a", "us-east-1b"]})) == []


def test_nothing_of_the_settings_can_be_changed_afterwards() -> None:
    for model in every_model(Settings, set()):
        assert model.model_config.get("frozen"), model
        assert model.model_config.get("extra") == "forbid", model


def every_model(annotation: object, seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in seen:
            seen.add(annotation)
            for field in annotation.model_fields.values():
                every_model(field.annotation, seen)
    else:
        for argument in get_args(annotation):
            every_model(argument, seen)
    return seen
