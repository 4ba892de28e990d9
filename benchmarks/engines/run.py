"""One model: its key, its build, its accuracy, its speed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from planning.engines.key import EngineKey
from planning.engines.orders import BuildOrder, OrderedTensor
from planning.engines.shapes import Input, InputShapes, profile
from planning.repository.graph import Graph, NotOnnx, read_graph
from planning.settings.repository import Tolerance
from programs.engines_publish import InaccurateError, difference
from programs.triton_answers import Given, drawn

Array = NDArray[Any]  # of any type that an engine has

TIMES = 50
"""Answers whose median is told, after a tenth as many that are not."""

_KINDS: Mapping[str, type[np.generic]] = {
    "FP32": np.float32,
    "FP16": np.float16,
    "INT32": np.int32,
    "INT64": np.int64,
    "INT8": np.int8,
    "UINT8": np.uint8,
    "BOOL": np.bool_,
}


class Loaded(Protocol):
    def answer(self, inputs: Mapping[str, Array]) -> tuple[Mapping[str, Array], float]: ...


class Gpu(Protocol):
    """`gpu.TensorRt`, or what stands for it in a test."""

    name: str
    driver: str
    version: str
    capability: tuple[int, int]

    def build(self, onnx: bytes, shapes: Sequence[InputShapes]) -> bytes: ...
    def load(self, plan: bytes) -> Loaded: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Seconds, but for bytes and shares. `speed` is ONNX Runtime's median time (processor) over the engine's, for the
    greatest batch; `refused` says why the engine would not have been published."""

    model: str
    key: str
    build_s: float
    plan_bytes: int
    same_bytes_again: bool
    greatest_difference: float | None
    share_of_tolerance: float | None
    refused: str | None
    engine_s: float
    speed: float


def measure(gpu: Gpu, model: str, file: Path, max_batch: int, stated: Mapping[str, str]) -> Result:
    """ValueError where `file` is no ONNX model of one file."""
    onnx = file.read_bytes()
    graph = read_graph(onnx)
    if isinstance(graph, NotOnnx) or graph.external:
        raise ValueError(f"{file} is no ONNX model of one file")
    inputs = [Input(name=one.name, dims=one.dims, bound=()) for one in graph.inputs]
    shapes = profile(inputs, stated, max_batch_size=max_batch)
    order = _order(gpu, model, hashlib.sha256(onnx).hexdigest(), graph, shapes, max_batch)
    began = time.perf_counter()
    plan = gpu.build(onnx, shapes)
    build_s = time.perf_counter() - began
    again = gpu.build(onnx, shapes)
    engine = gpu.load(plan)
    session = _session(onnx)
    greatest, share, refused = 0.0, 0.0, None
    random = Random(order.key)
    asked: dict[str, Array] = {}
    for batch, wanted in order.batches():
        types = {tensor.name: tensor.data_type.removeprefix("TYPE_") for tensor in order.inputs}
        asked = {name: _array(drawn(name, types[name], shape, random)) for name, shape in wanted.items()}
        original = dict(zip((one.name for one in order.outputs), session.run(None, asked), strict=True))
        mine, _ = engine.answer(asked)
        for name, array in original.items():
            try:
                off, used = difference(_given(name, mine[name]), _given(name, array), order.tolerance, batch)
            except InaccurateError as why:
                refused = refused or str(why)
            else:
                greatest, share = max(greatest, off), max(share, used)
    engine_s = _median(lambda: engine.answer(asked)[1])
    return Result(
        model=model,
        key=order.name,
        build_s=build_s,
        plan_bytes=len(plan),
        same_bytes_again=plan == again,
        greatest_difference=None if refused else greatest,
        share_of_tolerance=None if refused else share,
        refused=refused,
        engine_s=engine_s,
        speed=_median(lambda: _timed(session, asked)) / engine_s,
    )


def report(gpu: Gpu, results: Sequence[Result], on: str) -> dict[str, Any]:
    """As `results.json` holds it. `on`: the ISO date."""
    about = {"gpu": gpu.name, "driver": gpu.driver, "tensorrt": gpu.version, "on": on}
    return {**about, "models": [asdict(one) for one in results]}


def _order(
    gpu: Gpu, model: str, source: str, graph: Graph, shapes: tuple[InputShapes, ...], max_batch: int
) -> BuildOrder:
    key = EngineKey(
        source=source,
        precision="fp32",
        shapes=shapes,
        gpus=(gpu.name,),
        capability=gpu.capability,
        tensorrt=gpu.version,
    )
    skip = 1 if max_batch else 0
    return BuildOrder(
        name=key.name,
        key=key.digest,
        model=model,
        source=f"{model}/1/model.onnx",
        sources=source,
        source_bytes=0,
        precision=key.precision,
        gpus=key.gpus,
        tensorrt=key.tensorrt,
        max_batch_size=max_batch,
        inputs=tuple(
            OrderedTensor(name=one.name, data_type=one.data_type, dims=(one.dims or ())[skip:]) for one in graph.inputs
        ),
        outputs=tuple(
            OrderedTensor(name=one.name, data_type=one.data_type, dims=(one.dims or ())[skip:]) for one in graph.outputs
        ),
        shapes=shapes,
        tolerance=Tolerance(),
    )


class _Session(Protocol):
    def run(self, outputs: None, feed: Mapping[str, Array]) -> list[Array]: ...


def _session(onnx: bytes) -> _Session:
    import onnxruntime  # pyright: ignore[reportMissingTypeStubs]

    # It carries no types; what it answers is a list of arrays.
    return cast("_Session", onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"]))


def _array(given: Given) -> Array:
    return np.frombuffer(given.content, dtype=_KINDS[given.data_type]).reshape(given.shape)


def _given(name: str, array: Array) -> Given:
    kind = next(kind for kind, its in _KINDS.items() if array.dtype == its)
    return Given(name=name, data_type=kind, shape=tuple(array.shape), content=np.ascontiguousarray(array).tobytes())


def _timed(session: _Session, asked: Mapping[str, Array]) -> float:
    began = time.perf_counter()
    session.run(None, asked)
    return time.perf_counter() - began


def _median(once: Any) -> float:
    for _ in range(TIMES // 10):
        once()
    return median(once() for _ in range(TIMES))
