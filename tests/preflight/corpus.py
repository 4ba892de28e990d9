"""All seeds, and all that is healthy."""

from __future__ import annotations

from collections.abc import Iterable

from tests.preflight import (
    backend_fil,
    backend_language,
    backend_onnx_files,
    backend_onnx_tensors,
    backend_openvino,
    backend_python,
    backend_pytorch,
    backend_tensorrt,
    core_batching,
    core_ensembles,
    core_instances,
    core_options,
    core_sequences,
    core_syntax,
    core_tensors,
    core_warmups,
)
from tests.preflight.seeds import Files, Seed

TABLES = (
    core_syntax,
    core_tensors,
    core_batching,
    core_sequences,
    core_instances,
    core_warmups,
    core_options,
    core_ensembles,
    backend_onnx_tensors,
    backend_onnx_files,
    backend_tensorrt,
    backend_pytorch,
    backend_openvino,
    backend_python,
    backend_fil,
    backend_language,
)

SEEDS: tuple[Seed, ...] = tuple(seed for table in TABLES for seed in table.SEEDS)


def _each_once(named: Iterable[tuple[str, Files]]) -> dict[str, Files]:
    found: dict[tuple[tuple[str, bytes], ...], tuple[str, Files]] = {}
    for name, files in named:
        if files:
            found.setdefault(tuple(sorted(files.items())), (name, files))
    return dict(found.values())


HEALTHY = _each_once(
    [*((seed.name, seed.healthy) for seed in SEEDS), *(named for table in TABLES for named in table.HEALTHY.items())]
)
"""What the judge must load, and no finding may be about."""
