"""The cluster that a stack makes, on whichever cloud. Only that cloud's SDK is imported: each costs seconds."""

from __future__ import annotations

from pulumi import ResourceOptions

from components.clusters.facts import ClusterFacts
from planning.clusters.eks import PlannedEks
from planning.clusters.gke import PlannedGke
from planning.plan import Plan

CLUSTER = "cluster"


def make_cluster(plan: Plan) -> ClusterFacts | None:
    """Make it, and say all that the serving part must know of it; None where it is not this stack's."""
    match plan.made:
        case PlannedGke() as gke:
            from components.clusters.gke.cluster import GkeCluster, GkeClusterArgs, google

            return GkeCluster(CLUSTER, GkeClusterArgs(plan=gke), ResourceOptions(provider=google(gke))).facts
        case PlannedEks() as eks:
            from components.clusters.eks.cluster import EksCluster, EksClusterArgs, amazon

            args = EksClusterArgs(planned=eks, labels=plan.labels)
            return EksCluster(CLUSTER, args, ResourceOptions(provider=amazon(eks))).facts
        case None:
            return None
