"""The cloud resources of stack prod's cluster, word for word, and what making them imports."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from cloud_inputs import unfitting
from recorded_eks import ACCOUNT, CALLS, FromAws, RecordedEks, prod_eks, recorded_eks
from rendered_stack import ROOT, planned_from, raw_settings, rendered_stack

from stacks.program import deploy
from stacks.recording import is_unknown, record

SNAPSHOT = Path(__file__).parent / "snapshots" / "prod-eks.yaml"
UPDATE = "TRITONUP_UPDATE_SNAPSHOTS"


@pytest.fixture
def prod(assembled_models: None) -> RecordedEks:
    return prod_eks()


def _readable(value: Any) -> Any:
    """Policies and configurations as what they say, not as one line of JSON."""
    match value:
        case dict():
            return {key: _readable(inner) for key, inner in value.items()}
        case list():
            return [_readable(inner) for inner in value]
        case str() if value.startswith("{"):
            return json.loads(value)
        case _ if is_unknown(value):
            return "(known when it is there)"
        case _:
            return value


def test_the_cluster_is_made_of_what_its_snapshot_shows(prod: RecordedEks) -> None:
    shown = {
        f"{resource.type} {resource.name}": _readable(dict(resource.inputs))
        for resource in prod.resources
        if resource.type.startswith("aws:")
    }
    text = yaml.safe_dump(shown, sort_keys=True, width=110)
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(text, encoding="utf-8")
        pytest.skip(f"wrote {SNAPSHOT.name}: read its diff before you commit it")
    kept = SNAPSHOT.read_text(encoding="utf-8") if SNAPSHOT.exists() else ""
    if text != kept:
        diff = difflib.unified_diff(kept.splitlines(), text.splitlines(), "kept", "recorded now", lineterm="")
        pytest.fail("\n".join([*diff, f"If that is meant, run this with {UPDATE}=1 and commit."]), pytrace=False)


@pytest.mark.parametrize("edit", [None, "public", "autoscaled", "given"])
def test_every_input_is_one_of_the_providers_and_of_its_type(edit: str | None, assembled_models: None) -> None:
    edits: dict[str | None, Any] = {
        None: lambda raw: None,
        "public": lambda raw: raw["cluster"].update(endpoint={"kind": "public", "allow": ["203.0.113.0/24"]}),
        "autoscaled": lambda raw: raw["controllers"].update(karpenter="none"),
        "given": lambda raw: raw["cluster"].pop("model_bucket"),
    }
    made = [one for one in recorded_eks(edits[edit]).resources if one.type.startswith("aws:")]
    assert made
    wrong = [f"{one.name}: {said}" for one in made for said in unfitting(one.type, one.inputs)]
    assert wrong == []


def test_every_resource_is_of_the_explicit_provider(prod: RecordedEks) -> None:
    made = [resource for resource in prod.resources if resource.type.startswith("aws:")]
    assert {resource.provider.partition("::id")[0].rpartition("::")[2] for resource in made} == {"amazon"}


def test_subnets_lie_apart_inside_the_vpc_and_blocks_for_pods_inside_their_own(prod: RecordedEks) -> None:
    from ipaddress import ip_network

    vpc = ip_network(prod.one("ec2/vpc")["cidrBlock"])
    subnets = {f"id-{subnet.name}": ip_network(subnet.inputs["cidrBlock"]) for subnet in prod.of("ec2/subnet")}
    networks = list(subnets.values())
    assert all(network.subnet_of(vpc) for network in networks)
    assert not any(one.overlaps(other) for index, one in enumerate(networks) for other in networks[index + 1 :])
    for reserved in prod.of("ec2/subnetCidrReservation"):
        assert ip_network(reserved.inputs["cidrBlock"]).subnet_of(subnets[reserved.inputs["subnetId"]])


def test_every_service_that_the_plan_names_has_an_endpoint_and_s3_one_in_every_route_table(prod: RecordedEks) -> None:
    endpoints = {each.inputs["serviceName"]: each.inputs for each in prod.of("ec2/vpcEndpoint")}
    wanted = {f"com.amazonaws.us-east-1.{service.value}" for service in prod.planned.network.interfaces}
    s3 = endpoints.pop("com.amazonaws.us-east-1.s3")
    assert set(endpoints) == wanted
    assert all(each["privateDnsEnabled"] is True for each in endpoints.values())
    private = {f"id-{table.name}" for table in prod.of("ec2/routeTable") if "-public" not in table.name}
    assert set(s3["routeTableIds"]) == private


def test_the_cluster_autoscaler_gets_what_karpenter_would_and_nothing_of_karpenter_is_made() -> None:
    eks = recorded_eks(lambda raw: raw["controllers"].update(karpenter="none"))
    assert eks.none("sqs/queue")
    assert eks.none("cloudwatch/eventRule")
    assert eks.none("iam/instanceProfile")
    groups = {group.name: group.inputs for group in eks.of("eks/nodeGroup")}
    assert groups["cluster-nodes-a10g-spot"]["capacityType"] == "SPOT"
    assert groups["cluster-nodes-a10g-spot"]["scalingConfig"]["maxSize"] == 12


def test_only_the_sdk_of_aws_is_imported(assembled_models: None) -> None:
    program = """
import sys
sys.path.insert(0, "tests/stacks")
from cloud_inputs import unfitting
from recorded_eks import prod_eks
prod_eks()
import json
print(json.dumps(sorted(name for name in sys.modules if name.split(".")[0] in ("pulumi_gcp", "pulumi_aws"))))
"""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    loaded = json.loads(ran.stdout.splitlines()[-1])
    assert not [name for name in loaded if name.startswith("pulumi_gcp")]
    # The SDK has a lazy stand-in for every service; one that is used has modules of its own below it.
    used = {name.split(".")[1] for name in loaded if name.count(".") > 1}
    assert used - {"config"} == {"cloudwatch", "ec2", "eks", "iam", "kms", "s3", "sqs", "vpc"}


def test_planning_and_karpenters_objects_need_no_sdk_of_a_cloud() -> None:
    """A stack that runs on a cluster of another stack makes NodePools without it."""
    program = """
import planning.clusters.eks, components.clusters.eks.node_pools, sys
print([name for name in sys.modules if name.startswith("pulumi_aws")])
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "[]", ran.stderr


def test_every_server_that_reads_a_bucket_is_told_the_role_that_is_made_for_it(prod: RecordedEks) -> None:
    """Also by a rendering, and by a stack that did not make the cluster: the ARN is known before the role is there."""
    accounts = {
        manifest.name: manifest.body["metadata"].get("annotations", {})
        for manifest in rendered_stack("prod").of("ServiceAccount")
        if manifest.namespace == prod.plan.namespace
    }
    made = {role.inputs["name"] for role in prod.of("iam/role") if "name" in role.inputs}
    assert set(accounts) == {server.name for server in prod.plan.servers}
    for name, stated in accounts.items():
        role = f"inference-us-east-1-models-{name}"
        assert role in made
        assert stated["eks.amazonaws.com/role-arn"] == f"arn:aws:iam::{ACCOUNT}:role/{role}"


def test_pods_wait_for_what_they_read_by(assembled_models: None) -> None:
    raw = raw_settings("prod")
    raw["cluster"]["endpoint"] = {"kind": "public", "allow": ["203.0.113.0/24"]}
    plan = replace(planned_from(raw), findings=())
    made = record(lambda: deploy(plan), stack="prod", outputs=FromAws(), calls=CALLS)
    kinds = [one.type for one in made]
    (provider,) = [index for index, kind in enumerate(kinds) if kind == "pulumi:providers:kubernetes"]
    before = {one.name for one in made[:provider]}
    assert {"cluster-models-vision", "cluster-models-text", "cluster-models-bucket-encryption"} <= before
