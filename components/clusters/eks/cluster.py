"""An EKS cluster from top to bottom: network, key, control plane, access, add-ons, nodes, what scales them.

The order is the one in which things depend on each other. Networking add-ons come before nodes, which are not ready
without them; the others after, because they need somewhere to run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Output, Resource, ResourceOptions
from pulumi_aws import Provider

from components.clusters.eks.access import access_entries
from components.clusters.eks.add_ons import AddOnsArgs, add_ons, versions
from components.clusters.eks.cluster_autoscaler import EksClusterAutoscaler, EksClusterAutoscalerArgs
from components.clusters.eks.control_plane import (
    EksControlPlane,
    EksControlPlaneArgs,
    control_plane_role,
)
from components.clusters.eks.endpoints import EksEndpoints, EksEndpointsArgs
from components.clusters.eks.karpenter import EksKarpenter, EksKarpenterArgs
from components.clusters.eks.keys import cluster_key
from components.clusters.eks.kubeconfig import kubeconfig
from components.clusters.eks.models import EksModels, EksModelsArgs
from components.clusters.eks.network import EksNetwork, EksNetworkArgs
from components.clusters.eks.node_groups import EksNodeGroups, EksNodeGroupsArgs
from components.clusters.eks.tags import common
from components.clusters.facts import ClusterFacts
from planning.clusters.eks import ClusterAutoscaler, Karpenter, PlannedEks


@dataclass(frozen=True, slots=True, kw_only=True)
class EksClusterArgs:
    """`labels` are the user's: they become tags of everything."""

    planned: PlannedEks
    labels: Mapping[str, str]


def amazon(planned: PlannedEks) -> Provider:
    """Of the cluster's region and account. Its credentials are those of whoever deploys; of another account they are
    refused before anything is made."""
    return Provider("amazon", region=planned.region, allowed_account_ids=[planned.account])


class EksCluster(pulumi.ComponentResource):
    """`facts` is all that the serving part needs. `add_ons` has the versions in use. `queue` is what Karpenter's
    `interruptionQueue` must say, None without Karpenter."""

    facts: ClusterFacts
    add_ons: Output[dict[str, str]]
    queue: Output[str] | None

    def __init__(self, name: str, args: EksClusterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:EksCluster", name, None, opts)
        child = ResourceOptions(parent=self)
        planned = args.planned
        tags = common(args.labels, planned.name.value)
        role, attached = control_plane_role(name, planned, tags, child)
        key = cluster_key(
            name,
            key=planned.key,
            cluster=planned.name.value,
            region=planned.region,
            partition=planned.partition,
            account=planned.account,
            protect=planned.deletion_protected,
            tags=tags,
            opts=child,
        )
        network = EksNetwork(
            f"{name}-network",
            EksNetworkArgs(
                network=planned.network,
                cluster=planned.name.value,
                found_by=dict([planned.scaler.discovery]) if isinstance(planned.scaler, Karpenter) else {},
                key=key,
                account=planned.account,
                log_days=planned.log_days,
                tags=tags,
            ),
            child,
        )
        endpoints = EksEndpoints(
            f"{name}-endpoints",
            EksEndpointsArgs(
                network=planned.network,
                cluster=planned.name.value,
                region=planned.region,
                vpc=network.vpc,
                inner=network.inner,
                route_tables=network.route_tables,
                tags=tags,
            ),
            child,
        )
        control = EksControlPlane(
            f"{name}-control",
            EksControlPlaneArgs(
                planned=planned,
                role=role,
                attached=attached,
                key=key,
                vpc=network.vpc,
                inner=network.inner,
                tags=tags,
            ),
            child,
        )
        access = access_entries(
            f"{name}-access",
            planned.access,
            cluster=control.name,
            partition=planned.partition,
            tags=tags,
            opts=child,
        )
        of_add_ons = AddOnsArgs(planned=planned, cluster=control.name, account=planned.account, tags=tags)
        first = add_ons(name, [each for each in planned.add_ons if each.before_nodes], of_add_ons, child)
        nodes = EksNodeGroups(
            f"{name}-nodes",
            EksNodeGroupsArgs(
                planned=planned,
                cluster=control.name,
                private=network.private,
                after=[*network.ready, *endpoints.ready, *first.values()],
                tags=tags,
            ),
            child,
        )
        then = add_ons(
            name,
            [each for each in planned.add_ons if not each.before_nodes],
            of_add_ons,
            ResourceOptions.merge(child, ResourceOptions(depends_on=[nodes.system])),
        )
        scaler = self._scaler(name, planned, control, tags, child)
        models = (
            EksModels(
                f"{name}-models",
                EksModelsArgs(
                    models=planned.models,
                    partition=planned.partition,
                    account=planned.account,
                    issuer=control.issuer,
                    issuer_arn=control.issuer_arn,
                    tags=tags,
                ),
                child,
            )
            if planned.models is not None
            else None
        )
        self.queue = scaler.queue if isinstance(scaler, EksKarpenter) else None
        self.add_ons = versions({**first, **then})
        ready: list[Resource] = [
            *access,
            *first.values(),
            *nodes.groups,
            *then.values(),
            scaler,
            *(models.granted if models else ()),
        ]
        self.facts = ClusterFacts(
            name=control.name,
            kubeconfig=kubeconfig(
                name=control.name, region=planned.region, address=control.address, authority=control.authority
            ),
            ready=ready,
            model_key=models.key if models else None,
        )
        self.register_outputs({"name": control.name, "add_ons": self.add_ons})

    @staticmethod
    def _scaler(
        name: str,
        planned: PlannedEks,
        control: EksControlPlane,
        tags: Mapping[str, str],
        opts: ResourceOptions,
    ) -> EksKarpenter | EksClusterAutoscaler:
        match planned.scaler:
            case Karpenter() as karpenter:
                return EksKarpenter(
                    f"{name}-karpenter",
                    EksKarpenterArgs(
                        planned=planned,
                        karpenter=karpenter,
                        cluster=control.name,
                        group=control.group,
                        account=planned.account,
                        tags=tags,
                    ),
                    opts,
                )
            case ClusterAutoscaler() as autoscaler:
                return EksClusterAutoscaler(
                    f"{name}-autoscaler",
                    EksClusterAutoscalerArgs(
                        planned=planned,
                        autoscaler=autoscaler,
                        cluster=control.name,
                        account=planned.account,
                        tags=tags,
                    ),
                    opts,
                )
