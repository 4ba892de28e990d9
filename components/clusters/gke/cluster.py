"""A whole GKE cluster from its plan: reads like its picture, and ends in `ClusterFacts`."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import InvokeOptions, Output, ResourceOptions
from pulumi_gcp import Provider
from pulumi_gcp.organizations import get_project_output

from components.clusters.facts import ClusterFacts
from components.clusters.gke.control_plane import ControlPlaneArgs, GkeControlPlane
from components.clusters.gke.identity import ClusterKey, ClusterKeyArgs, NodeAccount, NodeAccountArgs
from components.clusters.gke.kubeconfig import kubeconfig
from components.clusters.gke.models import ModelReaders, ModelReadersArgs
from components.clusters.gke.network import GkeNetworkArgs, GkeVpc
from components.clusters.gke.node_pool import NodePoolArgs, node_pool
from planning.clusters.gke import PlannedGke
from planning.settings.gke import GivenKey


@dataclass(frozen=True, slots=True, kw_only=True)
class GkeClusterArgs:
    plan: PlannedGke


class GkeCluster(pulumi.ComponentResource):
    """`facts` is all that anything outside needs."""

    cluster: Output[str]

    def __init__(self, name: str, args: GkeClusterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:GkeCluster", name, None, opts)
        plan, child = args.plan, ResourceOptions(parent=self)
        # Asked at preview: a project that is not there, or not yours, is said before anything is made.
        number = get_project_output(project_id=plan.project, opts=InvokeOptions(parent=self)).apply(
            lambda project: project.number
        )
        vpc = GkeVpc(name, GkeNetworkArgs(network=plan.network, region=plan.region), child)
        nodes = NodeAccount(
            "nodes", NodeAccountArgs(project=plan.project, roles=[role.value for role in plan.node_roles]), child
        )
        key = _key(name, plan, number, child)
        control = GkeControlPlane(
            name,
            ControlPlaneArgs(plan=plan, network=vpc.network, subnet=vpc.subnet, node_account=nodes.email, key=key),
            child,
        )
        pools = [
            node_pool(
                pool.name,
                NodePoolArgs(
                    pool=pool,
                    project=plan.project,
                    region=plan.region,
                    cluster=control.cluster,
                    node_account=nodes.email,
                    key=key,
                    image_streaming=plan.image_streaming.value,
                    labels=plan.labels,
                ),
                child,
            )
            for pool in (plan.system, *plan.pools)
        ]
        granted = (
            ModelReaders(
                "models",
                ModelReadersArgs(
                    access=plan.models,
                    project=plan.project,
                    project_number=number,
                    workload_pool=control.workload_pool,
                    region=plan.region,
                    labels=plan.labels,
                ),
                child,
            ).granted
            if plan.models is not None
            else ()
        )
        self.cluster = control.cluster
        self.facts = ClusterFacts(
            name=control.cluster,
            kubeconfig=kubeconfig(control.cluster, control.endpoint, control.certificate),
            ready=[*pools, *granted],
        )
        self.register_outputs({"cluster": self.cluster})


def google(plan: PlannedGke) -> Provider:
    """Google Cloud as the program talks to it: never whichever project is current."""
    return Provider("google", project=plan.project, region=plan.region, add_pulumi_attribution_label=False)


def _key(name: str, plan: PlannedGke, number: Output[str], opts: ResourceOptions) -> Output[str] | None:
    match plan.key.value:
        case GivenKey(key=key):
            return Output.from_input(key)
        case "made":
            return ClusterKey(
                name, ClusterKeyArgs(region=plan.region, project_number=number, labels=plan.labels), opts
            ).key
        case _:
            return None
