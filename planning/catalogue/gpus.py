"""The GPUs that node pools can be made of: what fits in them and what runs on them.

Memory is in bytes: the total that `nvidia-smi` reports on real machines, as printed in public logs read on
2026-11-21. It is some per cent less than the name says, because ECC and the driver keep a part, and it
moves by a few MiB between drivers. A MIG slice has less than its name says too: a `1g.18gb` of an H200 has
16.0 GiB. Where two readings differ the smaller one stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

_MIB: Final = 2**20

GpuKind = Literal[
    "nvidia-t4",
    "nvidia-v100-16gb",
    "nvidia-l4",
    "nvidia-a10g",
    "nvidia-l40s",
    "nvidia-a100-40gb",
    "nvidia-a100-80gb",
    "nvidia-h100-80gb",
    "nvidia-h200-141gb",
    "nvidia-b200",
]


class Architecture(StrEnum):
    """A GPU generation, which a TensorRT engine is built for (TensorRT developer guide, "Hardware
    Compatibility": an engine runs on the architecture it was built on unless built otherwise)."""

    VOLTA = "volta"
    TURING = "turing"
    AMPERE = "ampere"
    ADA = "ada"
    HOPPER = "hopper"
    BLACKWELL = "blackwell"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigProfile:
    """A slice that a GPU can be cut into: `name` as in the resource `nvidia.com/mig-1g.10gb` (`1g.10gb`), its
    usable memory in bytes, and how many of it one GPU holds at most."""

    name: str
    memory_bytes: int
    per_gpu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """`product` is what gpu-feature-discovery writes into the node label `nvidia.com/gpu.product` of a whole
    GPU; it appends `-SHARED` where the device plugin shares GPUs and `-MIG-<profile>` under MIG's strategy
    `single`. `karpenter_name` is the value of Karpenter's label `karpenter.k8s.aws/instance-gpu-name`.
    `mig` leaves out `7g`, which is the whole GPU, and every profile whose usable memory was not found."""

    kind: GpuKind
    product: str
    karpenter_name: str
    memory_bytes: int
    architecture: Architecture
    compute_capability: tuple[int, int]
    mig: tuple[MigProfile, ...]
    source: str


_CAPABILITY = "compute capability: developer.nvidia.com/cuda-gpus"
_LGIP = "MIG: `nvidia-smi mig -lgip` in public notes"
_GO_NVML = "MIG: NVIDIA/go-nvml 2f9e261 pkg/nvml/mock/gpus/a100.go, and `nvidia-smi mig -lgip` where it says less"


def _mig(*profiles: tuple[str, int, int]) -> tuple[MigProfile, ...]:
    return tuple(MigProfile(name=name, memory_bytes=mib * _MIB, per_gpu=n) for name, mib, n in profiles)


_ALL = (
    Gpu(
        kind="nvidia-t4",
        product="Tesla-T4",
        karpenter_name="t4",
        memory_bytes=15109 * _MIB,
        architecture=Architecture.TURING,
        compute_capability=(7, 5),
        mig=(),
        source="nvidia.com/gpu.memory=15109 with nvidia.com/gpu.product=Tesla-T4 in a node's description;"
        f" newer drivers count what they keep themselves and say 15360; {_CAPABILITY}",
    ),
    Gpu(
        kind="nvidia-v100-16gb",
        product="Tesla-V100-SXM2-16GB",
        karpenter_name="v100",
        memory_bytes=16384 * _MIB,
        architecture=Architecture.VOLTA,
        compute_capability=(7, 0),
        mig=(),
        source="nvidia.com/gpu.memory=16384 with nvidia.com/gpu.product=Tesla-V100-SXM2-16GB in a node's"
        f" description; {_CAPABILITY}",
    ),
    Gpu(
        kind="nvidia-l4",
        product="NVIDIA-L4",
        karpenter_name="l4",
        memory_bytes=23034 * _MIB,
        architecture=Architecture.ADA,
        compute_capability=(8, 9),
        mig=(),
        source=f"nvidia-smi: NVIDIA L4, 23034MiB, on AWS and Google Cloud alike; {_CAPABILITY}",
    ),
    Gpu(
        kind="nvidia-a10g",
        product="NVIDIA-A10G",
        karpenter_name="a10g",
        memory_bytes=23028 * _MIB,
        architecture=Architecture.AMPERE,
        compute_capability=(8, 6),
        mig=(),
        source=f"nvidia-smi: NVIDIA A10G, 23028MiB, driver 595.84; {_CAPABILITY}",
    ),
    Gpu(
        kind="nvidia-l40s",
        product="NVIDIA-L40S",
        karpenter_name="l40s",
        memory_bytes=46068 * _MIB,
        architecture=Architecture.ADA,
        compute_capability=(8, 9),
        mig=(),
        source=f"nvidia-smi: NVIDIA L40S, 46068MiB, driver 580.95.05; {_CAPABILITY}",
    ),
    Gpu(
        kind="nvidia-a100-40gb",
        product="NVIDIA-A100-SXM4-40GB",
        karpenter_name="a100",
        memory_bytes=40960 * _MIB,
        architecture=Architecture.AMPERE,
        compute_capability=(8, 0),
        mig=_mig(
            ("1g.5gb", 4864, 7),
            ("1g.10gb", 9856, 4),
            ("2g.10gb", 9856, 3),
            ("3g.20gb", 19968, 2),
            ("4g.20gb", 19968, 1),
        ),
        source=f"memory and {_GO_NVML}; {_CAPABILITY}",
    ),
    Gpu(
        kind="nvidia-a100-80gb",
        product="NVIDIA-A100-SXM4-80GB",
        karpenter_name="a100",
        memory_bytes=81920 * _MIB,
        architecture=Architecture.AMPERE,
        compute_capability=(8, 0),
        mig=_mig(
            ("1g.10gb", 9728, 7),
            ("1g.20gb", 19968, 4),
            ("2g.20gb", 19968, 3),
            ("3g.40gb", 40192, 2),
            ("4g.40gb", 40192, 1),
        ),
        source=f"memory and {_GO_NVML} (9.50 GiB for 1g.10gb); {_CAPABILITY}",
    ),
    Gpu(
        kind="nvidia-h100-80gb",
        product="NVIDIA-H100-80GB-HBM3",
        karpenter_name="h100",
        memory_bytes=81559 * _MIB,
        architecture=Architecture.HOPPER,
        compute_capability=(9, 0),
        mig=_mig(
            ("1g.10gb", 9856, 7),
            ("1g.20gb", 19968, 4),
            ("2g.20gb", 19968, 3),
            ("3g.40gb", 40448, 2),
            ("4g.40gb", 40448, 1),
        ),
        source="nvidia.com/gpu.memory=81559 with nvidia.com/gpu.product=NVIDIA-H100-80GB-HBM3 in a node's"
        f" description; {_LGIP}: 9.62 to 9.75 GiB for 1g.10gb, 19.50 to 19.62 for 1g.20gb (2g.20gb is as"
        f" large), 39.50 for 3g.40gb (4g.40gb is as large); {_CAPABILITY}",
    ),
    Gpu(
        kind="nvidia-h200-141gb",
        product="NVIDIA-H200",
        karpenter_name="h200",
        memory_bytes=143771 * _MIB,
        architecture=Architecture.HOPPER,
        compute_capability=(9, 0),
        mig=_mig(
            ("1g.18gb", 16384, 7),
            ("1g.35gb", 33280, 4),
            ("2g.35gb", 33280, 3),
            ("3g.71gb", 71424, 2),
            ("4g.71gb", 71424, 1),
        ),
        source=f"nvidia-smi: NVIDIA H200, 143771MiB; {_LGIP}: 16.00, 32.50 and 69.75 GiB for 1g.18gb, 1g"
        " and 2g.35gb, and 3g.71gb (74,893,492,224 bytes in a profile; 4g.71gb is as large:"
        f" docs.nvidia.com/datacenter/tesla/mig-user-guide); {_CAPABILITY}",
    ),
    Gpu(
        kind="nvidia-b200",
        product="NVIDIA-B200",
        karpenter_name="b200",
        memory_bytes=183359 * _MIB,
        architecture=Architecture.BLACKWELL,
        compute_capability=(10, 0),
        mig=(),
        source="nvidia-smi: NVIDIA B200, 183359MiB, driver 570.172.08; it has MIG (1g.23gb, 1g and 2g.45gb,"
        f" 3g and 4g.90gb), but no reading of what those can use was found; {_CAPABILITY}",
    ),
)

GPUS: Final[Mapping[GpuKind, Gpu]] = MappingProxyType({gpu.kind: gpu for gpu in _ALL})
"""Every GPU that can be planned."""
