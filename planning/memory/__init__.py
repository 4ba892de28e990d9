"""What a server needs in memory, and whether it is there.

Estimates are sums of named parts, each with its source and error, so that a finding can show them: `host` reckons the
pod's memory, `gpu` that of each GPU. A figure that was measured (`gpu.memory`) replaces the estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.memory.gpu import GpuMemory, gpu_memory
from planning.memory.host import Image, host_memory, shared_memory
from planning.memory.models import instances, states_instances
from planning.memory.parts import Estimate, Part
from planning.pools import Pool
from planning.repository.model import Model
from planning.settings.quantities import Memory
from planning.settings.servers import NvidiaGpu, Triton

__all__ = ["Estimate", "Image", "Part", "ServerMemory", "check_memory", "instances", "plan_memory", "states_instances"]

GPU_TOO_SMALL = Rule("TU401", Severity.ERROR, "A server's models fit into its GPU's memory")
MEMORY_TOO_SMALL = Rule("TU402", Severity.ERROR, "A server's models fit into its host memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMemory:
    """`gpu` is None for a server without GPU and is of each of its GPUs; `shared`, the size of /dev/shm in bytes, is
    inside `host` as far as it is used."""

    gpu: GpuMemory | None
    host: Estimate
    shared: Derived[int]


def plan_memory(server: Triton, models: Sequence[Model], image: Image, held: int = 0) -> ServerMemory:
    """`held`: bytes of the pod's memory that a volume with the models takes."""
    shared = shared_memory(server, models, image)
    return ServerMemory(
        gpu=gpu_memory(server.gpu, models) if isinstance(server.gpu, NvidiaGpu) else None,
        host=host_memory(server, models, shared, held, image),
        shared=shared,
    )


def check_memory(name: str, server: Triton, memory: ServerMemory, pools: Sequence[Pool]) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    if memory.gpu is not None:
        measured = isinstance(server.gpu, NvidiaGpu) and server.gpu.memory is not None
        findings += [
            Finding(
                rule=GPU_TOO_SMALL,
                at=setting(f"servers.{name}.gpu.{'memory' if measured else 'pools'}"),
                what=f"{_of(need.most)} ({need.because}) do not fit on pool {pool.name!r}:"
                f" {pool.share_bytes.because}, so a pod has {_of(pool.share_bytes.value)}.",
                fix=f"Take {pool.name!r} off this server, share its GPUs less, or choose a greater GPU.",
            )
            for pool in pools
            for need in [memory.gpu.on(pool)]
            if need.most > pool.share_bytes.value
        ]
    asked, need = server.resources.memory, memory.host
    if need.most > asked.bytes:
        findings.append(
            Finding(
                rule=MEMORY_TOO_SMALL,
                at=setting(f"servers.{name}.resources.memory"),
                what=f"{asked} is less than the {_of(need.most)} that it may need ({need.because}).",
                fix=f"Write {Memory.mebibytes(need.most / 2**20)} or more.",
            )
        )
    return tuple(findings)


def _of(size: int) -> str:
    return Memory(size).readable()
