"""What a server needs in memory, and whether it is there.

Estimates are sums of named parts, each with its source, so that a finding can show them. A figure that was
measured (`gpu.memory`) replaces the estimate. What no part stands for (activations) has an allowance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.pools import Pool
from planning.repository.config import enum_name
from planning.repository.model import Model
from planning.settings.scalars import Memory
from planning.settings.servers import NvidiaGpu, Triton

MIB = 2**20

CUDA_CONTEXT = 500 * MIB
"""Of one process on one GPU. An allowance: it depends on driver, GPU and the libraries loaded; nvidia-smi
shows 300 to 500 MiB for ONNX Runtime and TensorRT processes. Replaced by measurement (`gpu.memory`)."""

CUDA_POOL = 64 * MIB
"""Triton's --cuda-memory-pool-byte-size default on each GPU (server, command_line_parser.cc)."""

PINNED_POOL = 256 * MIB
"""Triton's --pinned-memory-pool-byte-size default (server, command_line_parser.cc), host memory."""

ACTIVATION_SHARE = 0.5
"""Activations and workspace of one instance, as a share of its weights. An allowance of ours."""

ACTIVATION_LEAST = 64 * MIB
"""The least that an instance is given for them: small models have large activations."""

SERVER_BASE = 512 * MIB
"""Host memory of tritonserver with its backends loaded and no model. An allowance: 24.10 on a CPU was seen at
about 150 MiB, a GPU build maps cuBLAS, cuDNN and TensorRT on top."""

PYTHON_STUB = 200 * MIB
"""Host memory of one Python model instance: an interpreter with numpy, and the model's own. An allowance."""

STUB_SHARED_MEMORY = 64 * MIB
"""Shared memory of one Python model instance. The Python backend starts each with --shm-default-byte-size of 1 MiB
(64 MiB until 22.x) and grows by need (python_backend README, "Managing Shared Memory")."""

SHARED_MEMORY_LEAST = 64 * MIB
"""What container runtimes give without asking."""

GPU_TOO_SMALL = Rule("TU401", Severity.ERROR, "A server's models fit into its GPU's memory")
MEMORY_TOO_SMALL = Rule("TU402", Severity.ERROR, "A server's models fit into its host memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMemory:
    """In bytes. `gpu` is None for a server without GPU and is of each of its GPUs."""

    gpu: Derived[int] | None
    host: Derived[int]
    shared: Derived[int]


def instances(model: Model) -> int:
    """Instances that Triton makes of `model` on one GPU, or on the processor: the sum of its groups' counts,
    one where none is given (model_configuration.md, "Instance Groups")."""
    if model.backend == "ensemble":
        return 0
    return sum(max(1, group.count) for group in model.config.instance_group) or 1


def runs_on_gpu(model: Model) -> bool:
    """Whether Triton places it on a GPU where there is one: Python models and KIND_CPU groups stay off."""
    if model.backend in {"ensemble", "python"}:
        return False
    groups = model.config.instance_group
    return not groups or any(enum_name("ModelInstanceGroup.Kind", group.kind) != "KIND_CPU" for group in groups)


def plan_memory(server: Triton, models: Sequence[Model], held: int = 0) -> ServerMemory:
    """`held`: bytes of the pod's memory that a volume with the models takes. They count as the pod's, whoever wrote
    them (kernel, cgroup-v2.rst, "Memory Ownership"; kubernetes.io, "emptyDir", medium Memory)."""
    stubs = sum(instances(model) for model in models if model.backend == "python")
    shared = _shared(server, stubs)
    weights = sum(model.weights_bytes * max(1, instances(model)) for model in models if model.backend != "ensemble")
    host = SERVER_BASE + PINNED_POOL + weights + stubs * PYTHON_STUB + shared.value + held
    return ServerMemory(
        gpu=_gpu(server.gpu, models) if isinstance(server.gpu, NvidiaGpu) else None,
        host=Derived(
            host,
            f"server {_of(SERVER_BASE)}, pinned pool {_of(PINNED_POOL)}, weights {_of(weights)},"
            f" {stubs} Python instances {_of(stubs * PYTHON_STUB)}, /dev/shm {_of(shared.value)}"
            + (f", models in memory {_of(held)}" if held else ""),
        ),
        shared=shared,
    )


def _shared(server: Triton, stubs: int) -> Derived[int]:
    if server.resources.shared_memory is not None:
        return Derived(server.resources.shared_memory.bytes, "resources.shared_memory says so")
    need = max(SHARED_MEMORY_LEAST, stubs * STUB_SHARED_MEMORY)
    return Derived(
        need,
        f"{stubs} Python instances at {_of(STUB_SHARED_MEMORY)} each, at least {_of(SHARED_MEMORY_LEAST)}",
    )


def _gpu(gpu: NvidiaGpu, models: Sequence[Model]) -> Derived[int]:
    if gpu.memory is not None:
        return Derived(gpu.memory.bytes, "gpu.memory says that it was measured")
    parts = [("CUDA context", CUDA_CONTEXT), ("Triton's pool", CUDA_POOL)]
    for model in models:
        if runs_on_gpu(model):
            count = instances(model)
            activations = max(ACTIVATION_LEAST, round(model.weights_bytes * ACTIVATION_SHARE))
            parts.append((f"{count} x {model.name}", count * (model.weights_bytes + activations)))
    listed = ", ".join(f"{name} {_of(size)}" for name, size in parts)
    return Derived(sum(size for _, size in parts), f"an estimate: {listed}")


def check_memory(name: str, server: Triton, memory: ServerMemory, pools: Sequence[Pool]) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    if memory.gpu is not None:
        measured = isinstance(server.gpu, NvidiaGpu) and server.gpu.memory is not None
        findings += [
            Finding(
                rule=GPU_TOO_SMALL,
                at=setting(f"servers.{name}.gpu.{'memory' if measured else 'pools'}"),
                what=f"{_of(memory.gpu.value)} ({memory.gpu.because}) do not fit on pool {pool.name!r}:"
                f" {pool.share_bytes.because}, so a pod has {_of(pool.share_bytes.value)}.",
                fix=f"Take {pool.name!r} off this server, share its GPUs less, or choose a greater GPU.",
            )
            for pool in pools
            if memory.gpu.value > pool.share_bytes.value
        ]
    asked = server.resources.memory
    if memory.host.value > asked.bytes:
        findings.append(
            Finding(
                rule=MEMORY_TOO_SMALL,
                at=setting(f"servers.{name}.resources.memory"),
                what=f"{asked} is less than the {_of(memory.host.value)} that it needs ({memory.host.because}).",
                fix=f"Write {Memory.mebibytes(memory.host.value / MIB)} or more.",
            )
        )
    return tuple(findings)


def _of(size: int) -> str:
    return Memory(size).readable()
