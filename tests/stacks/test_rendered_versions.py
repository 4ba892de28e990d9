"""ModelVersion objects of a stack that wants them, and their kind."""

from __future__ import annotations

import functools
import re

import kubernetes_validate
import pytest
from rendered_stack import STACKS, RenderedStack, changed_stack, rendered_stack

from planning.model_versions import API_VERSION, DEFINITION, KIND
from planning.model_versions_schema import definition_spec


@functools.cache
def with_versions(stack: str, how: str) -> RenderedStack:
    return changed_stack(stack, lambda raw: raw["model_repository"].update(versions=how))


def added(stack: str, how: str) -> set[tuple[str, str | None, str]]:
    return set(with_versions(stack, how).by_object()) - set(rendered_stack(stack).by_object())


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_says_what_it_serves_where_it_is_asked_to_and_changes_nothing_else(
    stack: str, assembled_models: None
) -> None:
    plan = with_versions(stack, "present").plan
    names = {version.name for server in plan.servers for version in server.model_versions}
    assert names
    assert added(stack, "present") == {(KIND, plan.namespace, name) for name in names}
    assert added(stack, "install") - added(stack, "present") == {("CustomResourceDefinition", None, DEFINITION)}
    before, after = rendered_stack(stack).by_object(), with_versions(stack, "install").by_object()
    assert all(after[one] == body for one, body in before.items())


@pytest.mark.parametrize("stack", STACKS)
def test_a_pod_names_the_digest_of_its_servers_versions(stack: str, assembled_models: None) -> None:
    of = with_versions(stack, "present")
    for server, _, deployment in of.lanes():
        digests = {
            one.body["spec"]["repositoryDigest"] for one in of.of(KIND) if one.body["spec"]["server"] == server.name
        }
        assert digests == {deployment["spec"]["template"]["metadata"]["annotations"]["tritonup/models-digest"]}


def test_every_version_has_the_fields_of_its_kind(assembled_models: None) -> None:
    (version,) = definition_spec()["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for one in with_versions("prod", "present").of(KIND):
        assert one.body["apiVersion"] == API_VERSION
        assert set(one.body["spec"]) == set(spec["properties"]) == set(spec["required"])
        for field, value in one.body["spec"].items():
            if pattern := spec["properties"][field].get("pattern"):
                assert re.search(pattern, value)


def test_the_definition_fits_kubernetes_own_schema_and_comes_before_what_it_defines(assembled_models: None) -> None:
    stack = with_versions("prod", "install")
    kinds = [manifest.kind for manifest in stack.manifests]
    assert kinds.index("CustomResourceDefinition") < kinds.index(KIND)
    kubernetes_validate.validate(dict(stack.one("CustomResourceDefinition", DEFINITION)), "1.35", strict=True)
