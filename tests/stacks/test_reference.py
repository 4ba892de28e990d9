"""A stack on a cluster that another stack made: it uses that stack's kubeconfig, or says that it is another one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rendered_stack import planned_from, raw_settings, rendered_plan, rendered_stack

from planning.settings.cluster import Gke, Reference
from stacks.program import deploy
from stacks.recording import Recorded, record
from stacks.reference import (
    CLUSTER_STACK,
    DESCRIBED,
    KUBECONFIG,
    READERS,
    NoRightsError,
    OtherClusterError,
    block_of,
    readers_of,
)

STACK = "acme/tritonup/dev-cluster"


def _recorded(readers: str | None = None, **made: Any) -> tuple[Recorded, ...]:
    """The program of `dev` behind a reference to a stack whose cluster is `dev`'s with the fields `made`. It gave
    rights to `readers`, or left out to those of `dev`."""
    raw = raw_settings("dev")
    block = raw["cluster"]
    raw["cluster"] = {"kind": "reference", "stack": STACK, "cluster": block}
    plan = planned_from(raw)
    assert not plan.errors, plan.errors
    cluster = plan.settings.cluster
    assert isinstance(cluster, Reference)
    assert isinstance(cluster.cluster, Gke)
    exported = {
        DESCRIBED: block_of(cluster.cluster.model_copy(update=made)),
        KUBECONFIG: json.dumps({"kind": "Config"}),
        READERS: readers or readers_of(plan.settings),
    }
    answers = {f"pulumi:pulumi:StackReference/{CLUSTER_STACK}": {"name": STACK, "outputs": exported}}
    return record(lambda: deploy(plan), stack="dev", outputs=answers)


def test_it_deploys_with_the_kubeconfig_that_the_other_stack_exports(assembled_models: None) -> None:
    recorded = _recorded()
    (provider,) = [one for one in recorded if one.type == "pulumi:providers:kubernetes"]
    assert json.loads(provider.inputs["kubeconfig"]["value"]) == {"kind": "Config"}
    assert not [one for one in recorded if one.type.startswith("gcp:")], "the cluster is the other stack's"
    assert [one for one in recorded if one.type.startswith("kubernetes:apps/")]


def test_a_cluster_that_is_not_as_the_stack_file_repeats_it_is_said_with_its_field(assembled_models: None) -> None:
    with pytest.raises(OtherClusterError, match=r"cluster\.cluster\.pods: stack acme/tritonup/dev-cluster"):
        _recorded(pods="10.32.0.0/14")


@pytest.mark.parametrize(
    "readers",
    [
        {"inference-dev/vision": "acme-inference-dev-models/"},
        {f"inference-dev/{server}": "another/" for server in ("vision", "text")},
        {},
    ],
    ids=["a-server-is-missing", "another-bucket", "none"],
)
def test_a_server_that_the_clusters_stack_gave_no_rights_is_said_at_preview(
    readers: dict[str, str], assembled_models: None
) -> None:
    with pytest.raises(
        NoRightsError, match=r"inference-dev/text would not be allowed to read acme-inference-dev-models/"
    ):
        _recorded(readers=json.dumps(readers))


def test_what_karpenter_is_told_comes_with_the_servers_where_another_stack_makes_the_cluster(
    assembled_models: None,
) -> None:
    raw = raw_settings("prod")
    made = {one.name for one in rendered_stack("prod").of("NodePool")}
    raw["cluster"] = {"kind": "reference", "stack": STACK, "cluster": raw["cluster"]}
    behind = rendered_plan("prod", planned_from(raw))
    assert {one.name for one in behind.of("NodePool")} == made
    assert behind.of("EC2NodeClass")
    assert behind.one("Deployment", "karpenter") == rendered_stack("prod").one("Deployment", "karpenter")
