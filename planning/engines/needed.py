"""Which engines a server needs on its pools, which of them are built, and so where its pods may stand.

A pool with another GPU needs another engine, which is what breaks spot fallback elsewhere. Pods stand only on pools
for which every engine that they serve is built: a new pool with another GPU waits for its engines, and takes nothing
from what serves already. A model without any engine that helps is planned, not served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from planning.catalogue.releases import TritonRelease
from planning.engines.built import BuiltEngine
from planning.engines.key import Capability, EngineKey, written
from planning.engines.shapes import ShapesError
from planning.findings import Finding, Rule, Severity, setting
from planning.pools import Pool
from planning.repository.engine_sources import engine_shapes, source_digest
from planning.repository.model import Model, ModelFile, Repository, Version
from planning.settings.pools import GpuPool, Mig
from planning.wording import listed

ENGINE_NOT_BUILT = Rule("TU291", Severity.WARNING, "A TensorRT model has its engine for every GPU of its server")
NO_TENSORRT_VERSION = Rule("TU292", Severity.ERROR, "The TensorRT version of a release with TensorRT models is known")
A_FILE_EACH = Rule("TU295", Severity.ERROR, "Engines for several compute capabilities have a file each")


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededEngine:
    """An engine of `model` for `pools`, under the name `file` in its version's directory. `source` is the ONNX file,
    from the repository's root; `built` is None where nobody recorded it."""

    model: str
    source: str
    key: EngineKey
    pools: tuple[str, ...]
    file: str
    built: BuiltEngine | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEngines:
    """`needed` of one server, built or not. `models` are those that can be served with the engines that are built, as
    they are then; `pools` where their pods may stand."""

    needed: tuple[NeededEngine, ...]
    models: Mapping[str, Model]
    pools: tuple[Pool, ...]


def plan_engines(
    server: str,
    models: Sequence[Model],
    repository: Repository,
    pools: Sequence[Pool],
    wanted: Mapping[str, GpuPool],
    release: TritonRelease,
    *,
    builder: bool,
) -> tuple[ServerEngines, tuple[Finding, ...]]:
    """For those of `models`, what the server needs, whose engines are yet to be built. `pools` are the server's, as
    `wanted` in the settings; `builder`: whether the stack has one."""
    waiting = [model for model in models if model.planned and model.engine is not None]
    if not waiting or not pools:
        return ServerEngines(needed=(), models={}, pools=tuple(pools)), ()
    if release.tensorrt is None:
        return ServerEngines(needed=(), models={}, pools=tuple(pools)), tuple(
            Finding(
                rule=NO_TENSORRT_VERSION,
                at=setting(f"servers.{server}.release"),
                what=f"The TensorRT version of {release.tag}, which {model.name!r} needs, is not in the catalogue.",
                fix="Choose another release, or take the model off the list.",
            )
            for model in waiting
        )
    findings: list[Finding] = []
    needed: list[NeededEngine] = []
    for model in waiting:
        own = _needed(model, repository, pools, wanted, release.tensorrt)
        findings += _one_file(server, model, own)
        needed += own
    usable = _usable(needed, pools)
    served = {
        model.name: _with_engines(model, [one for one in needed if one.model == model.name])
        for model in waiting
        if usable and any(one.built for one in needed if one.model == model.name)
    }
    for model in waiting:
        missing = [one for one in needed if one.model == model.name and one.built is None]
        if missing:
            findings.append(_not_built(server, model, missing, model.name in served, release.tensorrt, builder))
    return ServerEngines(needed=tuple(needed), models=served, pools=usable or tuple(pools)), tuple(findings)


def _needed(
    model: Model, repository: Repository, pools: Sequence[Pool], wanted: Mapping[str, GpuPool], tensorrt: str
) -> list[NeededEngine]:
    """None where the source or its shapes cannot be told, which the check of the repository has said."""
    engine = model.engine
    source = source_digest(repository, engine) if engine else None
    if engine is None or source is None:
        return []
    try:
        shapes = engine_shapes(model)
    except ShapesError:
        return []
    found: list[NeededEngine] = []
    for capability in sorted({pool.gpu.compute_capability for pool in pools}):
        its = [pool for pool in pools if pool.gpu.compute_capability == capability]
        key = EngineKey(
            source=source,
            precision=engine.precision,
            shapes=shapes,
            gpus=tuple(sorted({_kind(pool, wanted) for pool in its})),
            capability=capability,
            tensorrt=tensorrt,
        )
        built = repository.engines.get(key.name)
        found.append(
            NeededEngine(
                model=model.name,
                source=f"{engine.model}/{engine.file}",
                key=key,
                pools=tuple(pool.name for pool in its),
                file=_file(model, capability),
                built=built if built and built.key == key.digest else None,
            )
        )
    return found


def _kind(pool: Pool, wanted: Mapping[str, GpuPool]) -> str:
    """A slice of a GPU has fewer processors than the whole one, for which TensorRT chooses other kernels."""
    sharing = wanted[pool.name].sharing
    return f"{pool.gpu.kind}.mig-{sharing.profile}" if isinstance(sharing, Mig) else pool.gpu.kind


def _file(model: Model, capability: Capability) -> str:
    """What Triton opens on a GPU of `capability` (tensorrt_backend e2ef6d7, src/instance_state.cc, after
    triton-inference-server/backend 3f57fb9, src/backend_model_instance.cc)."""
    return model.config.cc_model_filenames.get(written(capability), model.model_filename)


def _one_file(server: str, model: Model, needed: Sequence[NeededEngine]) -> tuple[Finding, ...]:
    for one in needed:
        others = [other for other in needed if other.file == one.file]
        if len(others) > 1:
            capabilities = [written(other.key.capability) for other in others]
            lines = ", ".join(f'{{ key: "{at}" value: "model.sm{at.replace(".", "")}.plan" }}' for at in capabilities)
            return (
                Finding(
                    rule=A_FILE_EACH,
                    at=setting(f"servers.{server}.gpu.pools"),
                    what=f"GPUs of compute capability {listed(capabilities)} need engines of their own, and Triton"
                    f" would open {one.file!r} of {model.name!r} on all of them.",
                    fix=f"Write into {model.config_path.as_posix()}: cc_model_filenames [ {lines} ].",
                ),
            )
    return ()


def _usable(needed: Sequence[NeededEngine], pools: Sequence[Pool]) -> tuple[Pool, ...]:
    """Where every model that has an engine at all has one. None where that leaves out all on-demand pools of a server
    that has some: a floor is not moved onto spot for a model's sake."""
    models = {one.model for one in needed if one.built}
    lacking = {pool for one in needed if one.model in models and one.built is None for pool in one.pools}
    usable = tuple(pool for pool in pools if pool.name not in lacking)
    steady = any(pool.capacity == "on-demand" for pool in pools)
    return usable if models and (not steady or any(pool.capacity == "on-demand" for pool in usable)) else ()


def _with_engines(model: Model, needed: Sequence[NeededEngine]) -> Model:
    """With its engines in its newest version, as Triton will find them; a model without a version gets version 1."""
    newest = model.served[-1] if model.served else Version(number=1, files=())
    engines = tuple(
        ModelFile(
            path=PurePosixPath(str(newest.number), one.file),
            size=one.built.size,
            sha256=one.built.sha256,
            stored=one.built.stored_at(one.key.name),
        )
        for one in needed
        if one.built
    )
    return replace(model, served=(replace(newest, files=tuple(sorted((*newest.files, *engines), key=_path))),))


def _path(file: ModelFile) -> PurePosixPath:
    return file.path


def _not_built(
    server: str, model: Model, missing: Sequence[NeededEngine], served: bool, tensorrt: str, builder: bool
) -> Finding:
    gpus = listed([gpu for one in missing for gpu in one.key.gpus])
    pools = listed([repr(pool) for one in missing for pool in one.pools])
    first = missing[0]
    state = f"pods of {server!r} stay off {pools}" if served else f"{model.name!r} is planned, not served"
    way = (
        "Run `tritonup models push` and `pulumi up`, which build it, then `tritonup engines record`"
        if builder
        else "Write model_repository.destination.engines, which says who may build it"
    )
    return Finding(
        rule=ENGINE_NOT_BUILT,
        at=setting(f"servers.{server}.models"),
        what=f"{state}: no engine of {model.name!r} for {gpus} with TensorRT {tensorrt} is built from {first.source}"
        " yet.",
        fix=f"{way}; meanwhile accept this warning with a reason, or take {model.name!r} off the list.",
    )
