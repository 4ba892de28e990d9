"""What a server takes of each of its GPUs. Nothing of it was measured: no GPU could be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.memory.growth import Growth, Of, growths
from planning.memory.models import MIB, activations, instances, runs_on_gpu
from planning.memory.parts import Estimate, Part, exactly
from planning.pools import Pool
from planning.repository.model import Model
from planning.settings.servers import NvidiaGpu

CUDA_CONTEXT = 500 * MIB
CUDA_CONTEXT_ERROR = 200 * MIB
"""Of one process on one GPU. An allowance: it depends on driver, GPU and the libraries loaded; nvidia-smi
shows 300 to 500 MiB for ONNX Runtime and TensorRT processes. Replaced by measurement (`gpu.memory`)."""

CUDA_POOL = 64 * MIB
"""Triton's --cuda-memory-pool-byte-size default on each GPU (server, command_line_parser.cc)."""

WORKSPACE = 32 * MIB
WORKSPACE_ERROR = 32 * MIB
"""Of one instance: cuBLAS takes 32 MiB for each handle and stream on Hopper and later, some 4 MiB before (cuBLAS
documentation, cublasSetWorkspace); cuDNN's algorithms differ by convolution."""

OWN_MEMORY = frozenset({"vllm", "tensorrtllm"})
"""Backends whose share of the device holds their activations and work space too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuMemory:
    """`fixed` is the same on every GPU; `grows` depends on how much there is."""

    fixed: Estimate
    grows: tuple[Growth, ...]

    @property
    def value(self) -> int:
        return self.fixed.value

    @property
    def because(self) -> str:
        grown = "".join(f", and {one.model} takes {one.share:.0%} of {one.of.value}" for one in self.grows)
        return f"{'an estimate: ' if self.fixed.error else ''}{self.fixed.because}{grown}"

    def on(self, pool: Pool) -> Estimate:
        """On a GPU of `pool`, or on a slice of it. Who has a turn of a GPU sees the whole of it."""
        device = pool.share_bytes.value if pool.whole else pool.gpu.memory_bytes
        parts = list(self.fixed.parts)
        for one in self.grows:
            rest = max(0, device - sum(part.size for part in parts))
            there = device if one.of is Of.DEVICE else rest
            parts.append(
                Part(
                    name=f"{one.model}: {one.share:.0%} of {one.of.value}, KV cache included",
                    size=round(one.share * there),
                    error=round(one.error * there),
                    source=one.source,
                )
            )
        return Estimate(parts=tuple(parts))


def gpu_memory(gpu: NvidiaGpu, models: Sequence[Model]) -> GpuMemory:
    if gpu.memory is not None:
        part = exactly("measured (gpu.memory)", gpu.memory.bytes, "gpu.memory says that it was measured")
        return GpuMemory(fixed=Estimate(parts=(part,)), grows=())
    parts = [
        Part(
            name="CUDA context",
            size=CUDA_CONTEXT,
            error=CUDA_CONTEXT_ERROR,
            source="an allowance: nvidia-smi shows 300 to 500 MiB for such processes",
        ),
        exactly("Triton's pool", CUDA_POOL, "--cuda-memory-pool-byte-size, its default"),
    ]
    for model in models:
        if runs_on_gpu(model):
            parts += _of(model)
    return GpuMemory(fixed=Estimate(parts=tuple(parts)), grows=tuple(growths(models)))


def _of(model: Model) -> tuple[Part, ...]:
    count = instances(model, with_gpu=True)
    if model.backend == "vllm":
        return ()
    weights = exactly(f"{model.name}: weights", count * model.weights_bytes, "the size of its files, in each instance")
    if model.backend in OWN_MEMORY:
        return (weights,)
    workspace = Part(
        name=f"{model.name}: work space",
        size=count * WORKSPACE,
        error=count * WORKSPACE_ERROR,
        source="an allowance: 32 MiB for each cuBLAS handle on Hopper (cuBLAS documentation)",
    )
    return weights, activations(model, count, on_gpu=True), workspace
