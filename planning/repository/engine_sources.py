"""What the engine of a TensorRT model is built from: ONNX files of this repository."""

from __future__ import annotations

from pathlib import PurePosixPath

from planning.engines.shapes import MAX_SHAPES, MIN_SHAPES, OPT_SHAPES, Input, InputShapes, profile
from planning.repository.config import parameter
from planning.repository.digest import content_digest
from planning.repository.model import EngineSource, Model, ModelFile, Repository


def source_files(repository: Repository, engine: EngineSource) -> tuple[ModelFile, ...] | None:
    """The ONNX file and its external data, as files of the model that serves them; None where no served version has
    the file, or one of those that it refers to."""
    source = repository.models.get(engine.model)
    if source is None or engine.graph is None:
        return None
    path = PurePosixPath(engine.file)
    wanted = (path, *(path.parent / data.location for data in engine.graph.external))
    there = {file.path: file for version in source.served for file in version.files}
    return tuple(there[one] for one in wanted) if all(one in there for one in wanted) else None


def source_digest(repository: Repository, engine: EngineSource) -> str | None:
    """SHA-256 (hex) over the names and contents of its files, wherever they lie; None where they are not all there."""
    files = source_files(repository, engine)
    if files is None:
        return None
    beside = PurePosixPath(engine.file).parent
    return content_digest((file.path.relative_to(beside).as_posix(), file.sha256) for file in files)


def engine_shapes(model: Model) -> tuple[InputShapes, ...]:
    """Between which shapes the engine of `model` shall run. ShapesError where that cannot be told."""
    graph = model.engine.graph if model.engine else None
    names = (MIN_SHAPES, OPT_SHAPES, MAX_SHAPES)
    batch = (-1,) if model.max_batch_size else ()
    bound = {tensor.name: (*batch, *tensor.dims) for tensor in model.inputs}
    inputs = graph.inputs if graph else ()
    return profile(
        [Input(name=one.name, dims=one.dims, bound=bound.get(one.name, ())) for one in inputs],
        {name: text for name in names if (text := parameter(model.config, name))},
        max_batch_size=model.max_batch_size,
        preferred=list(model.config.dynamic_batching.preferred_batch_size),
    )
