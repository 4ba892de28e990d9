"""All seeds, and all that is healthy."""

from __future__ import annotations

from collections.abc import Iterable

from tests.preflight import (
    backend_onnxruntime,
    backend_others,
    core_ensembles,
    core_scheduling,
    core_syntax,
    core_tensors,
)
from tests.preflight.seeds import Core, Files, Seed

SEEDS: tuple[Seed, ...] = (
    *core_syntax.SYNTAX,
    *core_syntax.MORE_SYNTAX,
    *core_syntax.IDENTITY,
    *core_syntax.VERSIONS,
    *core_tensors.TENSORS,
    *core_tensors.BATCH_TENSORS,
    *core_scheduling.BATCHING,
    *core_scheduling.SEQUENCES,
    *core_scheduling.INSTANCES,
    *core_scheduling.ON_A_CPU,
    *core_scheduling.WARMUP,
    *core_scheduling.LABELS,
    *core_scheduling.OPTIONS,
    *core_ensembles.ENSEMBLES,
    *backend_onnxruntime.SEEDS,
    *backend_others.SEEDS,
)
CORE = tuple(seed for seed in SEEDS if isinstance(seed.judge, Core))

MORE_CORE_HEALTHY: dict[str, Files] = {
    **core_syntax.HEALTHY,
    **core_tensors.HEALTHY,
    **core_scheduling.HEALTHY,
    **core_ensembles.HEALTHY,
}


def _each_once(named: Iterable[tuple[str, Files]]) -> dict[str, Files]:
    found: dict[tuple[tuple[str, bytes], ...], tuple[str, Files]] = {}
    for name, files in named:
        if files:
            found.setdefault(tuple(sorted(files.items())), (name, files))
    return dict(found.values())


CORE_HEALTHY = _each_once([*((seed.name, seed.healthy) for seed in CORE), *MORE_CORE_HEALTHY.items()])
"""What the judge must load, and no finding may be about."""

HEALTHY = _each_once(
    [
        *CORE_HEALTHY.items(),
        *((seed.name, seed.healthy) for seed in SEEDS),
        *backend_onnxruntime.HEALTHY.items(),
        *backend_others.HEALTHY.items(),
    ]
)
