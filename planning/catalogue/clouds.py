"""What each cloud's nodes declare, how they warn before they vanish, and what pods must reach on them.

Pages of the clouds' documentation are cited as they stood in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from planning.catalogue.machines import Capacity, Cloud

NodeProvisioner = Literal["gke", "eks-managed", "karpenter"]

ZONE_LABEL: Final = "topology.kubernetes.io/zone"
"""On every node of both clouds (kubernetes.io/docs/reference/labels-annotations-taints)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """A taint that the cloud itself puts on its GPU nodes."""

    key: str
    value: str
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLabels:
    """The labels with which a provisioner's nodes are born, so that an autoscaler knows them beforehand.

    `pool` is the label that holds the node pool's name. `capacity` holds the label and value that single
    out one capacity type; a value of None says that such nodes lack the label. `gpu` is the label that
    names the GPU (`MachineType.accelerator` on GKE, `Gpu.karpenter_name` with Karpenter), None where there
    is none.
    """

    provisioner: NodeProvisioner
    pool: str
    capacity: Mapping[Capacity, tuple[str, str | None]]
    gpu: str | None
    taints: tuple[Taint, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReclaimNotice:
    """Seconds between the notice and the node's end.

    `default_seconds` is what a workload's pods get when nothing is configured. `max_total_seconds` is the
    most that the whole node can be given, of which `critical_seconds` go to system-critical pods, which
    are ended after the others; `max_requires` names what a longer notice needs, None where it is always so
    long.
    """

    default_seconds: int
    max_total_seconds: int
    critical_seconds: int
    max_requires: str | None
    source: str

    @property
    def max_seconds(self) -> int:
        """The most that a workload's pods can be given."""
        return self.max_total_seconds - self.critical_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuNodeBoot:
    """How long a pod waits for a new GPU node, for probes and deadlines: `seconds` from an unschedulable
    pod until its node's GPU can be allocated, then `image_pull_seconds` for an image of 11.6 GB
    (compressed), about as large as Triton's with vLLM. Upper ends of what was reported, not guarantees."""

    seconds: int
    image_pull_seconds: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address that a pod may have to reach and that no pod selector can match, for network rules (TCP)."""

    cidr: str
    ports: tuple[int, ...]
    purpose: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDns:
    """Who answers a pod's DNS queries, on port 53 by UDP and TCP: pods with `labels` in `namespace`, or
    one of the addresses in `node_local` in their place. A network rule that allows only the pods breaks
    every lookup where a node-local resolver answers, because such a resolver is no pod of the pod network."""

    namespace: str
    labels: Mapping[str, str]
    node_local: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudFacts:
    """What planning must know of one managed Kubernetes. `metadata` is the machine's own metadata server,
    which a workload has no business with unless `identity` names it too: the endpoints from which a pod
    gets its cloud identity, of which a cluster uses one or the other depending on its data plane."""

    cloud: Cloud
    nodes: Mapping[NodeProvisioner, NodeLabels]
    spot: ReclaimNotice
    boot: GpuNodeBoot
    dns: ClusterDns
    metadata: Endpoint
    identity: tuple[Endpoint, ...]


_COLD_START = (
    "EKS, g6e.2xlarge, measured 2026-07-10 by awslabs/data-on-eks from event timestamps: 393 s from pod to"
    " running container on a fresh node, 121 s of them pulling 11.6 GB"
)
_WI_DOCS = "cloud.google.com/kubernetes-engine/docs/how-to/workload-identity (network policy)"
_KUBE_DNS: Final[Mapping[str, str]] = MappingProxyType({"k8s-app": "kube-dns"})

_GKE = CloudFacts(
    cloud="gke",
    nodes=MappingProxyType(
        {
            "gke": NodeLabels(
                provisioner="gke",
                pool="cloud.google.com/gke-nodepool",
                capacity=MappingProxyType(
                    {
                        "spot": ("cloud.google.com/gke-spot", "true"),
                        "on-demand": ("cloud.google.com/gke-spot", None),
                    }
                ),
                gpu="cloud.google.com/gke-accelerator",
                taints=(Taint(key="nvidia.com/gpu", value="present", effect="NoSchedule"),),
                source="cloud.google.com/kubernetes-engine/docs/concepts/gpus and /concepts/spot-vms; the"
                " taint is set by GKE on GPU pools of a cluster that has another pool too",
            )
        }
    ),
    spot=ReclaimNotice(
        default_seconds=15,
        max_total_seconds=120,
        critical_seconds=15,
        max_requires="control plane 1.35.0-gke.1171000 or later, and shutdownGracePeriodSeconds in the"
        " kubelet configuration of a Standard node pool",
        source="cloud.google.com/kubernetes-engine/docs/concepts/spot-vms: 30 s by default, the first 15"
        " for workloads and the last 15 for system-critical pods; extendable to 120 s, of which"
        " shutdownGracePeriodCriticalPodsSeconds stay reserved",
    ),
    boot=GpuNodeBoot(
        seconds=420,
        image_pull_seconds=121,
        source="triton-inference-server/server r26.08 deploy/gke-marketplace-app/README.md: a new GPU node"
        " takes 4 to 7 minutes, and the driver's installation more; pull: not measured on GKE, taken from"
        f" {_COLD_START}",
    ),
    dns=ClusterDns(
        namespace="kube-system",
        labels=_KUBE_DNS,
        node_local=("169.254.20.10/32", "169.254.169.254/32"),
        source="NodeLocal DNSCache answers on 169.254.20.10 and is on by default from 1.34.1-gke.3720000"
        " (cloud.google.com/kubernetes-engine/docs/how-to/nodelocal-dns-cache); Cloud DNS for GKE answers on"
        " 169.254.169.254 (tektoncd/operator issue 4000 of August 2026 shows what happens without it)",
    ),
    metadata=Endpoint(
        cidr="169.254.169.254/32",
        ports=(80,),
        purpose="Compute Engine's metadata server, and GKE's in its place",
        source="cloud.google.com/compute/docs/metadata/overview",
    ),
    identity=(
        Endpoint(
            cidr="169.254.169.252/32",
            ports=(987, 988),
            purpose="GKE's metadata server for workload identity, data plane without Dataplane V2",
            source=f"{_WI_DOCS}: from 1.21.0-gke.1000",
        ),
        Endpoint(
            cidr="169.254.169.254/32",
            ports=(80, 8080),
            purpose="GKE's metadata server for workload identity, Dataplane V2",
            source=f"{_WI_DOCS}: clusters with Dataplane V2",
        ),
    ),
)

_EKS = CloudFacts(
    cloud="eks",
    nodes=MappingProxyType(
        {
            "eks-managed": NodeLabels(
                provisioner="eks-managed",
                pool="eks.amazonaws.com/nodegroup",
                capacity=MappingProxyType(
                    {
                        "spot": ("eks.amazonaws.com/capacityType", "SPOT"),
                        "on-demand": ("eks.amazonaws.com/capacityType", "ON_DEMAND"),
                    }
                ),
                gpu=None,
                taints=(),
                source="docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html: EKS sets both"
                " labels, and taints nothing by itself",
            ),
            "karpenter": NodeLabels(
                provisioner="karpenter",
                pool="karpenter.sh/nodepool",
                capacity=MappingProxyType(
                    {
                        "spot": ("karpenter.sh/capacity-type", "spot"),
                        "on-demand": ("karpenter.sh/capacity-type", "on-demand"),
                    }
                ),
                gpu="karpenter.k8s.aws/instance-gpu-name",
                taints=(),
                source="karpenter.sh/docs/concepts/scheduling (well-known labels), aws/karpenter-provider-aws 1d92708",
            ),
        }
    ),
    spot=ReclaimNotice(
        default_seconds=120,
        max_total_seconds=120,
        critical_seconds=0,
        max_requires=None,
        source="docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html: two"
        " minutes, on a best-effort basis",
    ),
    boot=GpuNodeBoot(
        seconds=272,
        image_pull_seconds=121,
        source=f"{_COLD_START}; all but the pull is counted as boot, the container's start (53 s) included",
    ),
    dns=ClusterDns(
        namespace="kube-system",
        labels=_KUBE_DNS,
        node_local=(),
        source="docs.aws.amazon.com/eks/latest/userguide/managing-coredns.html: CoreDNS with the label"
        " k8s-app=kube-dns; NodeLocal DNSCache only where somebody installed it (169.254.20.10 then)",
    ),
    metadata=Endpoint(
        cidr="169.254.169.254/32",
        ports=(80,),
        purpose="EC2's instance metadata service",
        source="docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html",
    ),
    identity=(
        Endpoint(
            cidr="169.254.170.23/32",
            ports=(80,),
            purpose="the EKS Pod Identity agent",
            source="docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html (over IPv6: fd00:ec2::23)",
        ),
    ),
)

CLOUDS: Final[Mapping[Cloud, CloudFacts]] = MappingProxyType({"gke": _GKE, "eks": _EKS})
"""The clouds that clusters can be built on."""
