"""The machine types of both clouds that carry GPUs: their size, and what pods can have of it.

A `MachineType` is one offer: the cloud's machine name together with a kind and a number of GPUs. Most names
imply their GPUs. On Google Cloud's N1 family the GPUs are attached to the machine, so `n1-standard-4` stands
here once for every number that can be attached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from planning.catalogue.gpus import GpuKind

Cloud = Literal["gke", "eks"]
Capacity = Literal["on-demand", "spot"]

_MIB: Final = 2**20
_GIB: Final = 2**30

_EKS_SOURCE = (
    "Karpenter's table of instance types, aws/karpenter-provider-aws 692ccdd (2026-07-11); pods:"
    " awslabs/amazon-eks-ami 81fec2e nodeadm/internal/kubelet/instance-info.jsonl"
)
_GKE_SOURCE = (
    "Cyclenerd/google-cloud-pricing-cost-calculator dac3128 (2026-08-20) tools/machinetyperegion.csv;"
    " GPUs: cloud.google.com/compute/docs/gpus"
)
_N1_SOURCE = f"{_GKE_SOURCE}, where the number that each N1 size can carry is stated too"
_SPOT_ONLY = "offered as spot or flex-start only (cloud.google.com/compute/docs/gpus)"
_RESERVED = "on-demand capacity of it needs a reservation (cloud.google.com/compute/docs/gpus)"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineType:
    """`accelerator` is the name by which Google Cloud knows the GPU (`guestAccelerators`, and the value of
    the node label `cloud.google.com/gke-accelerator`); empty on EKS. `attached` says that the GPUs are
    chosen apart from the machine's name. `capacities` are the ways in which it is sold. `max_pods` is the
    greatest number of pods of a node as the cloud sets it up by default."""

    cloud: Cloud
    name: str
    gpu: GpuKind
    gpus: int
    vcpus: int
    memory_bytes: int
    max_pods: int
    accelerator: str
    attached: bool
    capacities: tuple[Capacity, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocatable:
    """What pods can request of a node: CPU in millicores, memory in bytes, and the rule that says so."""

    cpu_milli: int
    memory_bytes: int
    source: str


_ACCELERATORS: Final[dict[GpuKind, str]] = {
    "nvidia-t4": "nvidia-tesla-t4",
    "nvidia-v100-16gb": "nvidia-tesla-v100",
    "nvidia-l4": "nvidia-l4",
    "nvidia-a100-40gb": "nvidia-tesla-a100",
    "nvidia-a100-80gb": "nvidia-a100-80gb",
    "nvidia-h100-80gb": "nvidia-h100-80gb",
    "nvidia-h200-141gb": "nvidia-h200-141gb",
    "nvidia-b200": "nvidia-b200",
}

_BOTH: Final[tuple[Capacity, ...]] = ("on-demand", "spot")

# GPU, then one (name, GPUs, vCPUs, GiB) a machine.
_GKE: Final[tuple[tuple[GpuKind, tuple[tuple[str, int, int, int], ...]], ...]] = (
    (
        "nvidia-l4",
        (
            ("g2-standard-4", 1, 4, 16),
            ("g2-standard-8", 1, 8, 32),
            ("g2-standard-12", 1, 12, 48),
            ("g2-standard-16", 1, 16, 64),
            ("g2-standard-24", 2, 24, 96),
            ("g2-standard-32", 1, 32, 128),
            ("g2-standard-48", 4, 48, 192),
            ("g2-standard-96", 8, 96, 384),
        ),
    ),
    (
        "nvidia-a100-40gb",
        (
            ("a2-highgpu-1g", 1, 12, 85),
            ("a2-highgpu-2g", 2, 24, 170),
            ("a2-highgpu-4g", 4, 48, 340),
            ("a2-highgpu-8g", 8, 96, 680),
        ),
    ),
    (
        "nvidia-a100-80gb",
        (
            ("a2-ultragpu-1g", 1, 12, 170),
            ("a2-ultragpu-2g", 2, 24, 340),
            ("a2-ultragpu-4g", 4, 48, 680),
            ("a2-ultragpu-8g", 8, 96, 1360),
        ),
    ),
    (
        "nvidia-h100-80gb",
        (
            ("a3-highgpu-1g", 1, 26, 234),
            ("a3-highgpu-2g", 2, 52, 468),
            ("a3-highgpu-4g", 4, 104, 936),
            ("a3-highgpu-8g", 8, 208, 1872),
        ),
    ),
    ("nvidia-h200-141gb", (("a3-ultragpu-8g", 8, 224, 2952),)),
    ("nvidia-b200", (("a4-highgpu-8g", 8, 224, 3968),)),
)
_GKE_SPOT_ONLY: Final = frozenset({"a3-highgpu-1g", "a3-highgpu-2g", "a3-highgpu-4g"})
_GKE_RESERVED: Final = frozenset({"a3-ultragpu-8g", "a4-highgpu-8g"})

# (name, vCPUs, GiB), and the numbers of each GPU that can be attached to it.
_N1: Final[tuple[tuple[str, int, int, dict[GpuKind, tuple[int, ...]]], ...]] = (
    ("n1-standard-4", 4, 15, {"nvidia-t4": (1, 2, 4), "nvidia-v100-16gb": (1, 2, 4, 8)}),
    ("n1-standard-8", 8, 30, {"nvidia-t4": (1, 2, 4), "nvidia-v100-16gb": (1, 2, 4, 8)}),
    ("n1-standard-16", 16, 60, {"nvidia-t4": (1, 2, 4), "nvidia-v100-16gb": (2, 4, 8)}),
    ("n1-standard-32", 32, 120, {"nvidia-t4": (1, 2, 4), "nvidia-v100-16gb": (4, 8)}),
)

# GPU, then one (name, GPUs, vCPUs, GiB, pods) an instance type.
_EKS: Final[tuple[tuple[GpuKind, tuple[tuple[str, int, int, int, int], ...]], ...]] = (
    (
        "nvidia-t4",
        (
            ("g4dn.xlarge", 1, 4, 16, 29),
            ("g4dn.2xlarge", 1, 8, 32, 29),
            ("g4dn.4xlarge", 1, 16, 64, 29),
            ("g4dn.8xlarge", 1, 32, 128, 58),
            ("g4dn.12xlarge", 4, 48, 192, 234),
            ("g4dn.16xlarge", 1, 64, 256, 58),
            ("g4dn.metal", 8, 96, 384, 737),
        ),
    ),
    (
        "nvidia-a10g",
        (
            ("g5.xlarge", 1, 4, 16, 58),
            ("g5.2xlarge", 1, 8, 32, 58),
            ("g5.4xlarge", 1, 16, 64, 234),
            ("g5.8xlarge", 1, 32, 128, 234),
            ("g5.12xlarge", 4, 48, 192, 737),
            ("g5.16xlarge", 1, 64, 256, 234),
            ("g5.24xlarge", 4, 96, 384, 737),
            ("g5.48xlarge", 8, 192, 768, 345),
        ),
    ),
    (
        "nvidia-l4",
        (
            ("g6.xlarge", 1, 4, 16, 58),
            ("g6.2xlarge", 1, 8, 32, 58),
            ("g6.4xlarge", 1, 16, 64, 234),
            ("g6.8xlarge", 1, 32, 128, 234),
            ("g6.12xlarge", 4, 48, 192, 234),
            ("g6.16xlarge", 1, 64, 256, 737),
            ("g6.24xlarge", 4, 96, 384, 737),
            ("g6.48xlarge", 8, 192, 768, 737),
        ),
    ),
    (
        "nvidia-l40s",
        (
            ("g6e.xlarge", 1, 4, 32, 58),
            ("g6e.2xlarge", 1, 8, 64, 58),
            ("g6e.4xlarge", 1, 16, 128, 234),
            ("g6e.8xlarge", 1, 32, 256, 234),
            ("g6e.12xlarge", 4, 48, 384, 292),
            ("g6e.16xlarge", 1, 64, 512, 737),
            ("g6e.24xlarge", 4, 96, 768, 492),
            ("g6e.48xlarge", 8, 192, 1536, 492),
        ),
    ),
    ("nvidia-a100-40gb", (("p4d.24xlarge", 8, 96, 1152, 737),)),
    ("nvidia-a100-80gb", (("p4de.24xlarge", 8, 96, 1152, 737),)),
    ("nvidia-h100-80gb", (("p5.4xlarge", 1, 16, 256, 118), ("p5.48xlarge", 8, 192, 2048, 100))),
    ("nvidia-h200-141gb", (("p5e.48xlarge", 8, 192, 2048, 100), ("p5en.48xlarge", 8, 192, 2048, 198))),
    ("nvidia-b200", (("p6-b200.48xlarge", 8, 192, 2048, 198),)),
)

GKE_MAX_PODS: Final = 110
"""Pods of a GKE Standard node by default
(cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr)."""


def _gke() -> tuple[MachineType, ...]:
    made: list[MachineType] = []
    for gpu, family in _GKE:
        for name, gpus, vcpus, gib in family:
            note = _SPOT_ONLY if name in _GKE_SPOT_ONLY else _RESERVED if name in _GKE_RESERVED else ""
            made.append(
                MachineType(
                    cloud="gke",
                    name=name,
                    gpu=gpu,
                    gpus=gpus,
                    vcpus=vcpus,
                    memory_bytes=gib * _GIB,
                    max_pods=GKE_MAX_PODS,
                    accelerator=_ACCELERATORS[gpu],
                    attached=False,
                    capacities=("spot",) if name in _GKE_SPOT_ONLY else _BOTH,
                    source="; ".join(filter(None, (_GKE_SOURCE, note))),
                )
            )
    return tuple(made)


def _n1() -> tuple[MachineType, ...]:
    return tuple(
        MachineType(
            cloud="gke",
            name=name,
            gpu=gpu,
            gpus=gpus,
            vcpus=vcpus,
            memory_bytes=gib * _GIB,
            max_pods=GKE_MAX_PODS,
            accelerator=_ACCELERATORS[gpu],
            attached=True,
            capacities=_BOTH,
            source=_N1_SOURCE,
        )
        for name, vcpus, gib, attachable in _N1
        for gpu, counts in attachable.items()
        for gpus in counts
    )


def _eks() -> tuple[MachineType, ...]:
    return tuple(
        MachineType(
            cloud="eks",
            name=name,
            gpu=gpu,
            gpus=gpus,
            vcpus=vcpus,
            memory_bytes=gib * _GIB,
            max_pods=pods,
            accelerator="",
            attached=False,
            capacities=_BOTH,
            source=_EKS_SOURCE,
        )
        for gpu, family in _EKS
        for name, gpus, vcpus, gib, pods in family
    )


MACHINES: Final = (*_gke(), *_n1(), *_eks())
"""Every machine that can be planned: Google Cloud's, those that carry attached GPUs, then AWS's."""

_VM_OVERHEAD_PER_MILLE: Final[dict[Cloud, int]] = {"gke": 70, "eks": 75}
# Per mille of a machine's memory that the kernel and the hypervisor keep before the kubelet counts: the
# defaults of --vm-memory-overhead-percent in Karpenter's two providers (cloudpilot-ai/karpenter-provider-gcp
# 417f047: 0.07; aws/karpenter-provider-aws 1d92708: 0.075). Real nodes keep a little less.

_EVICTION_BYTES: Final = 100 * _MIB
# memory.available of the hard eviction threshold on both clouds, which the kubelet takes off as well.

_ALLOCATABLE_SOURCE: Final[dict[Cloud, str]] = {
    "gke": "GKE's reservation (cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes) after the"
    " 7 % of memory that Karpenter's GCP provider allows for the VM",
    "eks": "EKS's reservation (awslabs/amazon-eks-ami 81fec2e nodeadm/internal/kubelet/config.go) after the"
    " 7.5 % of memory that Karpenter's AWS provider allows for the VM",
}


def allocatable(machine: MachineType, *, max_pods: int | None = None) -> Allocatable:
    """What all pods of one node of `machine` can request together, DaemonSets included, erring on the low
    side.

    `max_pods` matters on EKS only, where the kubelet reserves memory by the number of pods that a node may
    have: give it where prefix delegation sets another number than `machine.max_pods`.
    """
    usable = machine.memory_bytes * (1000 - _VM_OVERHEAD_PER_MILLE[machine.cloud]) // 1000
    if machine.cloud == "gke":
        kept = _gke_reserved(machine.memory_bytes)
    else:
        kept = (255 + 11 * (max_pods or machine.max_pods)) * _MIB
    return Allocatable(
        cpu_milli=machine.vcpus * 1000 - _reserved_cpu_milli(machine.vcpus),
        memory_bytes=usable - kept - _EVICTION_BYTES,
        source=_ALLOCATABLE_SOURCE[machine.cloud],
    )


def _reserved_cpu_milli(vcpus: int) -> int:
    """6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 % of the others: the same rule on
    both clouds (the sources of `allocatable`), rounded up."""
    hundredths = 6000 * min(vcpus, 1) + 1000 * min(max(vcpus - 1, 0), 1)
    hundredths += 500 * min(max(vcpus - 2, 0), 2) + 250 * max(vcpus - 4, 0)
    return -(-hundredths // 100)


def _gke_reserved(memory: int) -> int:
    """25 % of the first 4 GiB, 20 % of the next 4, 10 % of the next 8, 6 % of the next 112, 2 % of the
    rest."""
    kept, below = 0, 0
    for upto, percent in ((4, 25), (8, 20), (16, 10), (128, 6)):
        kept += max(0, min(memory, upto * _GIB) - below) * percent // 100
        below = upto * _GIB
    return kept + max(0, memory - below) * 2 // 100
