"""The engine arguments of a vLLM model, as far as they decide whether it is served."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineArguments:
    """`mistake` says why the text is no JSON object. `gpus` is how many an engine is split over; `runs_code` whether it
    may run code that comes with the weights; `gpu_share` the fraction of a GPU's memory that it takes, None where it is
    not stated (gpu_memory_utilization)."""

    mistake: str = ""
    gpus: int = 1
    runs_code: bool = False
    gpu_share: float | None = None


def read_engine_arguments(data: bytes) -> EngineArguments:
    """What `data`, a `model.json`, asks for."""
    try:
        read: object = json.loads(data)
    except ValueError as error:
        return EngineArguments(mistake=str(error).rstrip("."))
    if not isinstance(read, dict):
        return EngineArguments(mistake=f"it is a {type(read).__name__}")
    arguments = cast("Mapping[str, object]", read)
    gpus = _size(arguments, "tensor_parallel_size") * _size(arguments, "pipeline_parallel_size")
    share = arguments.get("gpu_memory_utilization")
    return EngineArguments(
        gpus=gpus,
        runs_code=arguments.get("trust_remote_code") is True,
        gpu_share=float(share) if isinstance(share, int | float) and 0 < share <= 1 else None,
    )


def _size(arguments: Mapping[str, object], name: str) -> int:
    value = arguments.get(name, 1)
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else 1
