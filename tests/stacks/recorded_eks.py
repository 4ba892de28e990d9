"""An EKS cluster as its component registers it, with every value that AWS would give filled in, so that tests can read
the policies and the kubeconfig that are made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from pulumi import ResourceOptions
from rendered_stack import Edit, planned_from, raw_settings

from planning.catalogue import CATALOGUE
from planning.clusters.eks import Karpenter, PlannedEks, plan_eks
from planning.findings import Severity
from planning.plan import Plan
from stacks.recording import Recorded, record

ACCOUNT = "123456789012"
CLUSTER = "aws:eks/cluster:Cluster"
GROUP = "sg-0123"
"""The security group that EKS makes for the cluster's nodes."""
CALLS = {"aws:eks/getAddonVersion:getAddonVersion": {"version": "v9.9.9-eksbuild.9"}}
"""AWS's default version of whichever add-on is asked for."""


class FromAws(Mapping[str, Mapping[str, Any]]):
    """What a deployment would report, by `<type>/<logical name>`: an ARN and an id that name the resource."""

    def __getitem__(self, key: str) -> Mapping[str, Any]:
        kind, _, name = key.rpartition("/")
        service = kind.partition(":")[2].partition("/")[0]
        region = "" if service == "iam" else "us-east-1"
        given: dict[str, Any] = {"id": f"id-{name}", "arn": f"arn:aws:{service}:{region}:{ACCOUNT}:{name}"}
        given |= {"url": f"https://queue/{name}"} if service == "sqs" else {}
        given |= {"latestVersion": 1} if kind.endswith(":LaunchTemplate") else {}
        if kind == CLUSTER:
            given |= {
                "endpoint": "https://0123.gr7.us-east-1.eks.amazonaws.com",
                "certificateAuthority": {"data": "Q0VSVA=="},
                "vpcConfig": {"clusterSecurityGroupId": GROUP, "subnetIds": []},
                "identities": [{"oidcs": [{"issuer": "https://oidc.eks.us-east-1.amazonaws.com/id/0123"}]}],
            }
        return given

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1  # not empty: what is not there is made


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEks:
    plan: Plan
    planned: PlannedEks
    resources: tuple[Recorded, ...]
    kubeconfig: Mapping[str, Any]
    add_ons: Mapping[str, str]

    def of(self, kind: str) -> list[Recorded]:
        """`eks/cluster` finds aws:eks/cluster:Cluster; none is an error, so that no test holds for nothing."""
        found = [resource for resource in self.resources if resource.type.startswith(f"aws:{kind}:")]
        assert found, kind
        return found

    def named(self, kind: str, name: str) -> Mapping[str, Any]:
        (found,) = [resource for resource in self.of(kind) if resource.name == name]
        return found.inputs

    def one(self, kind: str) -> Mapping[str, Any]:
        (found,) = self.of(kind)
        return found.inputs

    def none(self, kind: str) -> bool:
        return not any(resource.type.startswith(f"aws:{kind}:") for resource in self.resources)


def statements(policy: str) -> list[Mapping[str, Any]]:
    return cast("list[Mapping[str, Any]]", json.loads(policy)["Statement"])


def planned_eks(plan: Plan) -> PlannedEks:
    """The cluster of a plan whose settings have no error about it."""
    planned, found = plan_eks(
        plan.settings, plan.pools, plan.servers, {cost.pool.name: cost.nodes for cost in plan.cost}, CATALOGUE
    )
    assert planned is not None
    assert not [finding for finding in found if finding.severity is Severity.ERROR], found
    return planned


def recorded_eks(edit: Edit | None = None) -> RecordedEks:
    """Stack prod's cluster, after `edit` of its settings."""
    raw = raw_settings("prod")
    if edit is not None:
        edit(raw)
    plan = planned_from(raw)
    planned = planned_eks(plan)
    told: dict[str, Any] = {}

    def program() -> None:
        from components.clusters.eks.cluster import EksCluster, EksClusterArgs, amazon

        cluster = EksCluster(
            "cluster",
            EksClusterArgs(planned=planned, labels=plan.labels),
            ResourceOptions(provider=amazon(planned)),
        )
        cluster.facts.kubeconfig.apply(lambda text: told.update(kubeconfig=json.loads(text)))
        cluster.add_ons.apply(lambda versions: told.update(add_ons=versions))

    resources = record(program, stack="prod", outputs=FromAws(), calls=CALLS)
    return RecordedEks(
        plan=plan,
        planned=planned,
        resources=resources,
        kubeconfig=told["kubeconfig"],
        add_ons=told["add_ons"],
    )


@cache
def prod_eks() -> RecordedEks:
    return recorded_eks()


def karpenter_of(planned: PlannedEks) -> Karpenter:
    assert isinstance(planned.scaler, Karpenter)
    return planned.scaler
