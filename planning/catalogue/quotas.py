"""By which names the clouds count GPU machines, and how many a new project or account may have of them.

Neither cloud's figure is fetched: it is asked for once, by people, and granted to a project or an account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from planning.catalogue.gpus import GpuKind
from planning.catalogue.machines import Capacity, MachineType

AT_FIRST: Final = 0
"""GPUs of a new Google Cloud project (GPUS_ALL_REGIONS: cloud.google.com/compute/resource-usage#gpu_quota), and vCPUs
of GPU machines of a new AWS account (docs.aws.amazon.com/general/latest/gr/ec2-service.html, "Service quotas": 0 for
each of those below)."""

ALL_REGIONS: Final = "GPUS_ALL_REGIONS"
"""Of the project, over all regions and every kind of GPU."""

GOOGLE: Final[Mapping[GpuKind, str]] = {
    "nvidia-t4": "NVIDIA_T4_GPUS",
    "nvidia-v100-16gb": "NVIDIA_V100_GPUS",
    "nvidia-l4": "NVIDIA_L4_GPUS",
    "nvidia-a100-40gb": "NVIDIA_A100_GPUS",
    "nvidia-a100-80gb": "NVIDIA_A100_80GB_GPUS",
    "nvidia-h100-80gb": "NVIDIA_H100_GPUS",
    "nvidia-h200-141gb": "NVIDIA_H200_GPUS",
    "nvidia-b200": "NVIDIA_B200_GPUS",
}
"""Of a region, in GPUs; spot has its own, with PREEMPTIBLE_ before the name (cloud.google.com/compute/
resource-usage#gpu_quota). From the H100 on the console shows on-demand GPUs as GPUS-PER-GPU-FAMILY with the family as
its dimension."""


def google_quota(kind: GpuKind, capacity: Capacity) -> str:
    """Empty for a GPU that Google Cloud does not sell."""
    name = GOOGLE.get(kind, "")
    return f"PREEMPTIBLE_{name}" if name and capacity == "spot" else name


@dataclass(frozen=True, slots=True)
class Ec2Quota:
    """`code` is that of Service Quotas (service `ec2`), `name` what the console shows. Counted in vCPUs of a region."""

    code: str
    name: str


_EC2: Final[tuple[tuple[str, Capacity, Ec2Quota], ...]] = (
    ("g", "on-demand", Ec2Quota("L-DB2E81BA", "Running On-Demand G and VT instances")),
    ("g", "spot", Ec2Quota("L-3819A6DF", "All G and VT Spot Instance Requests")),
    ("p", "on-demand", Ec2Quota("L-417A185B", "Running On-Demand P instances")),
    ("p4", "spot", Ec2Quota("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests")),
    ("p5", "spot", Ec2Quota("L-C4BD4855", "All P5 Spot Instance Requests")),
)
"""By what a machine's name begins with. The same page; the codes as brennerm/aws-quota-checker's checks have them, and
the page's links to the console. Under which name spot P6 machines are counted was not found."""


def ec2_quota(machine: MachineType, capacity: Capacity) -> Ec2Quota | None:
    """None where the name was not found."""
    for begins, sold, quota in _EC2:
        if sold == capacity and machine.name.startswith(begins):
            return quota
    return None
