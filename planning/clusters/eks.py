"""An EKS cluster as planned: every number with its reason, and what is wrong with the settings that ask for it.

`components/clusters/eks/` translates it and decides nothing. What only AWS knows (which zones have which machine on a
given day, the default version of an add-on) is looked up by the engine at preview, and said to be so where it matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from planning.catalogue import Catalogue
from planning.clusters.block import at, at_block
from planning.clusters.eks_checks import (
    check_access,
    check_endpoint,
    check_minimums,
    check_networks,
    check_room,
    check_shares,
    check_version,
)
from planning.clusters.eks_costs import RunningCost, plan_costs
from planning.clusters.eks_models import ModelsInS3, plan_models_in_s3
from planning.clusters.eks_names import cluster_name, partition_of
from planning.clusters.eks_network import (
    INTERFACES,
    INTERFACES_OF_CLUSTER_AUTOSCALER,
    INTERFACES_OF_KARPENTER,
    Demand,
    PlannedNetwork,
    can_be_cut,
    plan_network,
)
from planning.clusters.eks_node_groups import PlannedNodeGroup
from planning.clusters.eks_node_pools import PlannedNodeClass, PlannedNodePool
from planning.clusters.eks_nodes import early_nodes, plan_nodes_of_eks
from planning.clusters.eks_quotas import plan_eks_quotas
from planning.clusters.model_bucket import check_model_bucket
from planning.clusters.quotas import Quota, check_quotas
from planning.derived import Derived
from planning.driver_canary import check_floors
from planning.findings import Finding
from planning.nodes import PoolNodes
from planning.pools import Pool
from planning.server import PlannedServer
from planning.settings.cluster import Eks, Endpoint, OpenEndpoint, described
from planning.settings.controllers import Presence
from planning.settings.eks import AddOn, Grant
from planning.settings.root import Settings

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""Every kind of log that an EKS control plane has (API Logging; CIS Amazon EKS Benchmark 2.1.1)."""

UPDATE_SURGE = 2
"""Nodes a zone that a managed node group may have beyond its size while it is updated
(docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html: up to twice the number of zones)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A ServiceAccount that gets a role by EKS Pod Identity."""

    namespace: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAddOn:
    """`version` is None where AWS's default for the Kubernetes version is taken, which the engine looks up at preview.
    `before_nodes`: nodes are not ready without it. `identity` is whom its role is for, None where it needs none."""

    name: AddOn
    version: str | None
    before_nodes: bool
    identity: Identity | None
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Karpenter:
    """Karpenter buys what the floor does not hold. The names are fixed, because whoever installs Karpenter writes them
    into its settings, and its NodeClasses name the profile."""

    identity: Identity
    queue: str
    instance_profile: str
    discovery: tuple[str, str]
    """The tag, and its value, of the subnets and the security group that its nodes are put into."""
    classes: tuple[PlannedNodeClass, ...]
    pools: tuple[PlannedNodePool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAutoscaler:
    """The Cluster Autoscaler moves the sizes of managed node groups."""

    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEks:
    """`creator_administers`: whether the identity that makes the cluster is an administrator of it. It counts when the
    cluster is made and never again."""

    name: Derived[str]
    region: str
    account: str
    partition: str
    kubernetes: str
    support: Literal["standard", "extended"]
    endpoint: Endpoint
    reach: tuple[str, ...]
    network: PlannedNetwork
    services: str
    key: str | None
    log_types: tuple[str, ...]
    log_days: int
    deletion_protected: bool
    access: tuple[Grant, ...]
    creator_administers: Derived[bool]
    add_ons: tuple[PlannedAddOn, ...]
    system: PlannedNodeGroup
    groups: tuple[PlannedNodeGroup, ...]
    scaler: Karpenter | ClusterAutoscaler
    models: ModelsInS3 | None
    quotas: tuple[Quota, ...]
    costs: tuple[RunningCost, ...]

    @property
    def answers_outside(self) -> bool:
        """Whether the control plane has a public address too, so that one stack makes the cluster and what runs on
        it."""
        return isinstance(self.endpoint, OpenEndpoint)


def plan_eks(
    settings: Settings,
    pools: Sequence[Pool],
    servers: Sequence[PlannedServer],
    nodes: Mapping[str, PoolNodes],
    catalogue: Catalogue,
) -> tuple[PlannedEks | None, tuple[Finding, ...]]:
    """The cluster that `settings` ask for, and what is wrong with it. None where it is not one of EKS, and where its
    network cannot be cut. A cluster that another stack made is planned as well: its NodePools stand where its servers
    do, in the stack that reaches its control plane."""
    cluster = described(settings.cluster)
    if not isinstance(cluster, Eks):
        return None, ()
    found = [
        *check_version(settings, cluster),
        *check_endpoint(settings, cluster),
        *check_access(settings, cluster),
        *check_model_bucket(settings, cluster, at_block(settings)),
    ]
    found += check_networks(settings, cluster)
    if not can_be_cut(cluster.network, len(cluster.zones)):
        return None, tuple(found)
    karpenter = settings.controllers.karpenter is not Presence.NONE
    if karpenter:
        found += [*check_minimums(pools), *check_shares(pools)]
    quotas = plan_eks_quotas(cluster, pools, karpenter=karpenter)
    found += check_quotas(quotas, cluster.granted, at(settings, "granted"))
    planned = plan_nodes_of_eks(cluster, pools, servers, nodes, catalogue, karpenter=karpenter)
    if karpenter:
        found += check_floors(settings, {group.name: group.at_first.value for group in planned.groups})
    network = plan_network(cluster.network, cluster.zones, _interfaces(karpenter=karpenter))
    demands = _demands(cluster, pools, planned.system, planned.groups, planned.classes)
    found += check_room(settings, cluster, network, demands)
    name = cluster_name(settings, cluster)
    models = plan_models_in_s3(settings, cluster)
    eks = PlannedEks(
        name=name,
        region=cluster.region,
        account=cluster.account,
        partition=partition_of(cluster.region),
        kubernetes=cluster.kubernetes,
        support=cluster.support,
        endpoint=cluster.endpoint,
        reach=tuple(cluster.reach),
        network=network,
        services=cluster.services,
        key=cluster.key,
        log_types=LOG_TYPES,
        log_days=cluster.log_days,
        deletion_protected=cluster.deletion == "refused",
        access=tuple(cluster.access),
        creator_administers=_creator(cluster),
        add_ons=plan_add_ons(cluster),
        system=planned.system,
        groups=planned.groups,
        scaler=Karpenter(
            identity=Identity(namespace="kube-system", account="karpenter"),
            queue=f"{name.value}-karpenter",
            instance_profile=f"{name.value}-{cluster.region}-karpenter-node",
            discovery=("karpenter.sh/discovery", name.value),
            classes=planned.classes,
            pools=planned.pools,
        )
        if karpenter
        else ClusterAutoscaler(identity=Identity(namespace="kube-system", account="cluster-autoscaler")),
        models=models,
        quotas=quotas,
        costs=plan_costs(cluster, network, planned.system, models),
    )
    return eks, tuple(found)


def _interfaces(*, karpenter: bool) -> tuple[Derived[str], ...]:
    return (*INTERFACES, *(INTERFACES_OF_KARPENTER if karpenter else INTERFACES_OF_CLUSTER_AUTOSCALER))


def _creator(cluster: Eks) -> Derived[bool]:
    if any(grant.may == "administer" for grant in cluster.access):
        return Derived(False, "cluster.access names the administrators, and nobody is one by accident")
    return Derived(True, "cluster.access names no administrator, and without one nobody could reach the cluster")


def _demands(
    cluster: Eks,
    pools: Sequence[Pool],
    system: PlannedNodeGroup,
    groups: Sequence[PlannedNodeGroup],
    classes: Sequence[PlannedNodeClass],
) -> tuple[Demand, ...]:
    """Nodes at the most, those that come before others go included."""
    surge = UPDATE_SURGE * len(cluster.zones)
    max_pods = {group.name: group.max_pods.value for group in groups} | {
        kind.name: kind.max_pods.value for kind in classes
    }
    return (
        Demand(
            name="system",
            nodes=Derived(
                system.maximum.value + surge,
                f"it has {system.maximum.value} at the most, and {surge} come early while it is updated",
            ),
            max_pods=system.max_pods.value,
        ),
        *(
            Demand(
                name=pool.name,
                nodes=Derived(
                    pool.max_nodes + max(surge, early_nodes(pool.name, cluster)),
                    f"gpu_pools.{pool.name}.nodes.max allows {pool.max_nodes}, and"
                    f" {max(surge, early_nodes(pool.name, cluster))} come early in an update",
                ),
                max_pods=max_pods[pool.name],
            )
            for pool in pools
            if pool.name in max_pods
        ),
    )


_SYSTEM_ACCOUNT = "kube-system"

_ADD_ONS: tuple[tuple[AddOn, bool, str | None, str], ...] = (
    ("vpc-cni", True, "aws-node", "pods get their addresses, and NetworkPolicies are kept"),
    ("kube-proxy", True, None, "Services have addresses"),
    ("eks-pod-identity-agent", True, None, "controllers get their credentials from it"),
    ("coredns", False, None, "names of Services are answered"),
    (
        "eks-node-monitoring-agent",
        False,
        None,
        "a failed GPU becomes a condition, on which node auto-repair acts",
    ),
)
_VOLUMES: dict[str, tuple[AddOn, str]] = {
    "ebs": ("aws-ebs-csi-driver", "ebs-csi-controller-sa"),
    "efs": ("aws-efs-csi-driver", "efs-csi-controller-sa"),
    "fsx": ("aws-fsx-csi-driver", "fsx-csi-controller-sa"),
}
"""Of each driver the add-on, and the ServiceAccount of its controller
(docs.aws.amazon.com/eks/latest/userguide/add-ons-iam.html)."""


def plan_add_ons(cluster: Eks) -> tuple[PlannedAddOn, ...]:
    """Those that every cluster has, then the storage drivers that are asked for."""
    pinned = cluster.add_ons
    return (
        *(
            PlannedAddOn(
                name=name,
                version=pinned.get(name),
                before_nodes=before,
                identity=Identity(namespace=_SYSTEM_ACCOUNT, account=account) if account else None,
                because=because,
            )
            for name, before, account, because in _ADD_ONS
        ),
        *(
            PlannedAddOn(
                name=_VOLUMES[volume][0],
                version=pinned.get(_VOLUMES[volume][0]),
                before_nodes=False,
                identity=Identity(namespace=_SYSTEM_ACCOUNT, account=_VOLUMES[volume][1]),
                because=f"cluster.volumes asks for {volume}",
            )
            for volume in cluster.volumes
        ),
    )
