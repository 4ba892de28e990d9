"""What one instance of a model holds: its weights as its runtime keeps them, and what a run of it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from planning.memory.arena import kept
from planning.memory.buffers import Run, run_of, weights_of
from planning.memory.parts import Part
from planning.memory.requests import dims
from planning.repository.config import enum_name
from planning.repository.model import Model, Version

MIB = 2**20

MMAPPED = 32 * MIB
"""What glibc maps by itself, and unmaps when it is freed, is at least this large once larger blocks have been freed
(mallopt(3), M_MMAP_THRESHOLD: the threshold follows what is freed, up to 4*1024*1024*sizeof(long))."""

FREED = 0.5
FREED_ERROR = 0.5
"""ONNX Runtime packs the right operand of MatMul and Gemm anew for its kernels and frees the original
(InferenceSession, "prepacking"). Of originals below `MMAPPED` the allocator gives none to all back to the system; of
larger ones, all. Half of it is reckoned."""

FILTER_COPIES = 3.0
FILTER_COPIES_ERROR = 0.3
"""At its default level it reorders Conv's filters for the processor's vectors (nchwc_transformer.cc). How often they
stay is measured, not derived: docs/memory.md, `filters_30x0.6MiB`."""

SESSION = 2 * MIB
SESSION_ERROR = MIB
"""Of one ONNX Runtime session beside weights and arena: its threads and the graph. Measured: `onnx_1`."""

ACTIVATION_SHARE = 0.5
"""Activations of an instance as a share of its weights, where nothing says its shapes. An allowance of ours."""

ACTIVATION_LEAST = 64 * MIB
"""The least that such an instance is given for them."""

OWN_DATA_ERROR = 16 * MIB
"""What the code of a Python model holds beside its files. Nobody can know before; a vocabulary of 30,000 words was seen
to take 8 MiB."""

ARENA_ERROR = 0.3
"""Of what a run leaves in an arena, beside what is not reckoned at all: fused operators, work space. Judged by the
graphs of docs/memory.md at several shapes."""

GPU_ARENA_ERROR = 0.5
"""The same on a GPU, where other operators are fused and nothing was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """Of one instance of one version that was read as a graph, at the greatest request."""

    kept: int
    """Bytes of the arena that runs have touched."""
    taken: int
    """Bytes of the arena's regions."""
    error: int
    """Bytes that tensors without a known size may have beside."""


CPU_DEFAULT = 2
"""Instances of a group on the processor that states no count, of a backend that asks for them: ONNX Runtime alone of
those that a release still has (core, model_config_utils.cc, SetDefaultInstanceCount). Of others it is one."""


def instances(model: Model, *, with_gpu: bool) -> int:
    """Instances that Triton makes of `model` on one GPU, or on the processor: the sum of its groups' counts. Where none
    is stated it depends on where the group comes to, which is a GPU if the server has one, unless it says
    otherwise (core, model_config_utils.cc, NormalizeInstanceGroup)."""
    if model.backend == "ensemble":
        return 0
    groups = [(enum_name("ModelInstanceGroup.Kind", one.kind), one.count) for one in model.config.instance_group]
    return sum(
        count if count > 0 else _default_count(model, kind, with_gpu=with_gpu)
        for kind, count in groups or [("KIND_AUTO", 0)]
    )


def states_instances(model: Model) -> bool:
    """Whether its config says how many, of every group."""
    groups = model.config.instance_group
    return bool(groups) and all(group.count > 0 for group in groups)


def _default_count(model: Model, kind: str, *, with_gpu: bool) -> int:
    on_processor = kind == "KIND_CPU" or (kind == "KIND_AUTO" and not with_gpu)
    return CPU_DEFAULT if on_processor and model.backend == "onnxruntime" else 1


def runs_on_gpu(model: Model) -> bool:
    """Whether Triton places it on a GPU where there is one: Python models and KIND_CPU groups stay off."""
    if model.backend in {"ensemble", "python"}:
        return False
    groups = model.config.instance_group
    return not groups or any(enum_name("ModelInstanceGroup.Kind", group.kind) != "KIND_CPU" for group in groups)


def asked_as(model: Model) -> str:
    """The greatest request in words: "32 x 64"."""
    return "; ".join(dict.fromkeys(" x ".join(map(str, dims(model, tensor))) for tensor in model.inputs))


def host_parts(model: Model) -> tuple[Part, ...]:
    """Of all instances of `model` on the processor, beside the process that they run in."""
    count = instances(model, with_gpu=False)
    weights, error, source = _host_weights(model)
    parts = [
        Part(name=f"{model.name}: weights", size=count * weights, error=count * error, source=source),
        activations(model, count, on_gpu=False),
    ]
    if model.backend == "onnxruntime":
        session = Part(
            name=f"{model.name}: sessions",
            size=count * SESSION,
            error=count * SESSION_ERROR,
            source="measured with the smallest graph there is",
        )
        parts.append(session)
    return tuple(parts)


def activations(model: Model, count: int, *, on_gpu: bool) -> Part:
    """What runs of `count` instances leave in their arenas."""
    graphs = [version for version in model.served if version.graph is not None]
    if model.backend == "onnxruntime" and graphs:
        reckoned = [_reckoned(model, version) for version in graphs]
        size = sum(one.taken if on_gpu else one.kept for one in reckoned)
        share = GPU_ARENA_ERROR if on_gpu else ARENA_ERROR
        error = round(size * share) + sum(one.error for one in reckoned)
        source = f"reckoned from the graph at {asked_as(model)} (a full batch, sizes of the warm-up)"
    elif model.backend == "python":
        size, error, source = 0, 0, "only its code knows"
    else:
        size = max(ACTIVATION_LEAST, round(model.weights_bytes * ACTIVATION_SHARE))
        error, source = size, f"an allowance, {ACTIVATION_SHARE:.0%} of its weights or more: its shapes are not known"
    name = f"{model.name}: activations"
    return Part(name=name, size=count * size, error=count * error, source=source, asked=not on_gpu)


def _host_weights(model: Model) -> tuple[int, int, str]:
    """Bytes of one instance, their error, and where they are from."""
    if model.backend == "python":
        return model.weights_bytes, OWN_DATA_ERROR, "the size of its files; what its code holds only measuring tells"
    if model.backend != "onnxruntime":
        return model.weights_bytes, 0, "the size of its files"
    size = error = 0.0
    for version in model.served:
        files = sum(file.size for file in version.files)
        stated = weights_of(version.graph.skeleton) if version.graph is not None else ()
        size += max(0, files - sum(weight.size for weight in stated))
        for weight in stated:
            size += weight.size
            if weight.packed_as == "filter":
                size += (FILTER_COPIES - 1) * weight.size
                error += FILTER_COPIES_ERROR * weight.size
            elif weight.packed_as == "matrix" and weight.size < MMAPPED:
                size += FREED * weight.size
                error += FREED_ERROR * weight.size
    return round(size), round(error), "its tensors, and the copies that ONNX Runtime makes of those that it packs"


def _reckoned(model: Model, version: Version) -> Reckoned:
    assert version.graph is not None
    shapes = tuple((tensor.name, dims(model, tensor)) for tensor in model.inputs)
    run = _run(version.graph.skeleton, shapes)
    arena = kept(run)
    blind = run.unknown / len(run.sizes) if run.sizes else 0
    return Reckoned(kept=arena.touched, taken=arena.taken, error=round(arena.touched * blind))


@cache
def _run(skeleton: bytes, shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> Run:
    return run_of(skeleton, dict(shapes))
