"""Backends that take what a GPU has left: language models fill it with their KV cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from planning.repository.config import parameter
from planning.repository.model import Model

VLLM_SHARE = 0.92
VLLM_SHARE_ERROR = 0.02
"""vLLM's gpu_memory_utilization where the engine's arguments state none (vllm/config/cache.py, CacheConfig: 0.9 up to
version 0.16, 0.92 later)."""

TENSORRT_LLM_SHARE = 0.9
"""TensorRT-LLM's kv_cache_free_gpu_mem_fraction where the config states none (tensorrtllm_backend,
docs/model_config.md; KvCacheConfig.free_gpu_memory_fraction)."""


class Of(Enum):
    """What the share is of."""

    DEVICE = "the device"
    REST = "what the rest leaves of it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """`model` takes `share`, give or take `error`, when it starts: its KV cache, and of a vLLM model weights and
    activations too. `source` says where the share is from."""

    model: str
    share: float
    error: float
    of: Of
    source: str


def growths(models: Sequence[Model]) -> Iterator[Growth]:
    """Of each of `models` that does so."""
    for model in models:
        if model.backend == "vllm":
            stated = [one.engine_arguments.gpu_share for one in model.served if one.engine_arguments is not None]
            share = next((one for one in stated if one is not None), None)
            yield Growth(
                model=model.name,
                share=VLLM_SHARE if share is None else share,
                error=VLLM_SHARE_ERROR if share is None else 0,
                of=Of.DEVICE,
                source="vLLM's default" if share is None else "gpu_memory_utilization of model.json",
            )
        elif model.backend == "tensorrtllm":
            written = parameter(model.config, "kv_cache_free_gpu_mem_fraction")
            share = _fraction(written)
            yield Growth(
                model=model.name,
                share=TENSORRT_LLM_SHARE if share is None else share,
                error=0,
                of=Of.REST,
                source="TensorRT-LLM's default" if share is None else "kv_cache_free_gpu_mem_fraction of the config",
            )


def _fraction(written: str) -> float | None:
    try:
        share = float(written)
    except ValueError:
        return None
    return share if 0 < share <= 1 else None
