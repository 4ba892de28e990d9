"""EKS's add-ons: networking, names, identity, node health and storage drivers.

A version that the stack file does not hold is AWS's default for the cluster's Kubernetes version, asked for at preview:
a newer default shows there as a change before it is made, and the stack's outputs say which versions are in use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, InvokeOptions, Output, Resource, ResourceOptions
from pulumi_aws import eks

from components.clusters.eks.identity import pod_role
from planning.clusters.eks import PlannedAddOn, PlannedEks
from planning.clusters.eks_network import WARM_PREFIXES
from planning.settings.eks import AddOn

MANAGED: Mapping[AddOn, str] = {
    "vpc-cni": "AmazonEKS_CNI_Policy",
    "aws-ebs-csi-driver": "service-role/AmazonEBSCSIDriverPolicy",
    "aws-efs-csi-driver": "service-role/AmazonEFSCSIDriverPolicy",
    "aws-fsx-csi-driver": "AmazonFSxFullAccess",
}
"""AWS's policy of each add-on that needs a role (docs.aws.amazon.com/eks/latest/userguide/add-ons-iam.html). FSx has no
narrower one of its own."""

CONFIGURED: Mapping[AddOn, Mapping[str, object]] = {
    "vpc-cni": {
        "enableNetworkPolicy": "true",
        "env": {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": str(WARM_PREFIXES)},
    },
}
"""Values that differ from an add-on's own, by the names of its configuration schema (`aws eks
describe-addon-configuration`; aws/amazon-vpc-cni-k8s README, "ENABLE_PREFIX_DELEGATION"). NetworkPolicies are not kept
otherwise (CIS Amazon EKS 5.4.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnsArgs:
    planned: PlannedEks
    cluster: Input[str]
    account: str
    tags: Mapping[str, str]


def add_ons(
    name: str, chosen: Sequence[PlannedAddOn], args: AddOnsArgs, opts: ResourceOptions
) -> dict[AddOn, eks.Addon]:
    """Those of `chosen`, and their roles."""
    return {add_on.name: _add_on(name, add_on, args, opts) for add_on in chosen}


def _add_on(name: str, add_on: PlannedAddOn, args: AddOnsArgs, opts: ResourceOptions) -> eks.Addon:
    configured = CONFIGURED.get(add_on.name)
    return eks.Addon(
        f"{name}-{add_on.name}",
        cluster_name=args.cluster,
        addon_name=add_on.name,
        addon_version=add_on.version or _default_version(add_on.name, args.planned, opts),
        configuration_values=json.dumps(configured, sort_keys=True) if configured else None,
        pod_identity_associations=_associations(name, add_on, args, opts),
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        tags=dict(args.tags),
        opts=opts,
    )


def _default_version(add_on: str, planned: PlannedEks, opts: ResourceOptions) -> Output[str]:
    found = eks.get_addon_version_output(
        addon_name=add_on,
        kubernetes_version=planned.kubernetes,
        most_recent=False,
        opts=InvokeOptions(parent=opts.parent),
    )
    return found.apply(lambda version: version.version)


def _associations(
    name: str, add_on: PlannedAddOn, args: AddOnsArgs, opts: ResourceOptions
) -> list[eks.AddonPodIdentityAssociationArgs] | None:
    if add_on.identity is None:
        return None
    role = pod_role(
        f"{name}-{add_on.name}",
        add_on.identity,
        cluster=args.planned.name.value,
        account=args.account,
        managed=[f"arn:{args.planned.partition}:iam::aws:policy/{MANAGED[add_on.name]}"],
        tags=args.tags,
        opts=opts,
    )
    return [eks.AddonPodIdentityAssociationArgs(role_arn=role.arn, service_account=add_on.identity.account)]


def versions(made: Mapping[AddOn, eks.Addon]) -> Output[dict[str, str]]:
    """What is in use, to be held in the stack file."""
    return pulumi.Output.all(**{name: add_on.addon_version for name, add_on in made.items()})


def resources(made: Mapping[AddOn, eks.Addon]) -> list[Resource]:
    return list(made.values())
