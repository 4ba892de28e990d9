"""TensorRT models whose engine is declared here and built elsewhere, from an ONNX file of this repository."""

from __future__ import annotations

from collections.abc import Iterator

from planning.engines.shapes import ShapesError
from planning.findings import Finding, Rule, Severity
from planning.repository.engine_sources import engine_shapes, source_files
from planning.repository.files import leads_outside
from planning.repository.graph import Graph
from planning.repository.model import EngineSource, Model, Repository
from planning.repository.reader import ENGINE_PRECISION, ENGINE_SOURCE
from planning.repository.suggestion import did_you_mean

ENGINE_DECLARED = Rule("TU211", Severity.ERROR, "A TensorRT engine's source and precision are known")
ENGINE_PRECISE = Rule("TU293", Severity.ERROR, "An engine's precision is that of its ONNX file")
ENGINE_SHAPED = Rule("TU294", Severity.ERROR, "An engine's inputs have shapes between which it runs")

PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "fp8", "int8")
"""What an ONNX file says that TensorRT shall compute in, and `tf32`: an FP32 file whose products may be rounded
(NVIDIA/TensorRT a892d22, samples/common/sampleOptions.cpp: --noTF32)."""

_WRITE_SOURCE = "Write it as model/version/file, relative to the model repository: digits/1/model.onnx."


def check_engine(model: Model, repository: Repository) -> Iterator[Finding]:
    """The parameters that declare what an engine is built from, and how."""
    parameters = model.config.parameters
    source, precision = f'parameters["{ENGINE_SOURCE}"]', f'parameters["{ENGINE_PRECISION}"]'
    if model.engine is None:
        if ENGINE_PRECISION in parameters:
            what = f"The config has {ENGINE_PRECISION}, but no {ENGINE_SOURCE}."
            yield model.finding(ENGINE_DECLARED, precision, what, _WRITE_SOURCE)
        return
    engine = model.engine
    written = parameters[ENGINE_SOURCE].string_value
    if model.backend != "tensorrt":
        what = f"A model of backend {model.backend!r} declares the engine source {written!r}."
        fix = f'Write backend: "tensorrt", or remove {ENGINE_SOURCE}.'
        yield model.finding(ENGINE_DECLARED, source, what, fix)
        return
    if engine.precision not in PRECISIONS:
        what = f"The precision is {engine.precision!r}."
        fix = did_you_mean(engine.precision, PRECISIONS) + f"Write one of {', '.join(PRECISIONS)}."
        yield model.finding(ENGINE_DECLARED, precision, what, fix)
    if leads_outside(written) or not engine.file:
        what = f"The engine source {written!r} is not a file of this repository."
        yield model.finding(ENGINE_DECLARED, source, what, _WRITE_SOURCE)
    elif engine.model not in repository.models and engine.model not in repository.broken:
        what = f"The engine source {written!r} is of a model that is not in this repository."
        fix = did_you_mean(engine.model, repository.models) + _WRITE_SOURCE
        yield model.finding(ENGINE_DECLARED, source, what, fix)
    elif engine.graph is None:
        what = f"The engine source {written!r} is missing or is no ONNX model."
        yield model.finding(ENGINE_DECLARED, source, what, "Put the file there, or name another.")
    elif engine.model in repository.models and source_files(repository, engine) is None:
        what = f"The engine source {written!r} is of no version that {engine.model!r} serves, or lacks external data."
        fix = "Name a file of a version that its version policy selects."
        yield model.finding(ENGINE_DECLARED, source, what, fix)
    else:
        yield from _precise(model, engine, engine.graph)
        yield from _shaped(model)


def _precise(model: Model, engine: EngineSource, graph: Graph) -> Iterator[Finding]:
    """TensorRT 11 builds strongly typed networks alone: what it computes in is what the file says, and there are no
    flags and no calibration to say otherwise (TensorRT 11.1, "Migrating from TensorRT 10.x to 11.x"). Older releases
    are asked for the same, by --stronglyTyped."""
    at, precision = f'parameters["{ENGINE_PRECISION}"]', engine.precision
    has = sorted({one.removeprefix("TYPE_") for one in graph.weights} | graph.quantized)
    if precision not in PRECISIONS or not has or _is_in(precision, graph):
        return
    what = f"{engine.model}/{engine.file} computes in {', '.join(has)}, and the precision is {precision!r}."
    yield model.finding(ENGINE_PRECISE, at, what, _CONVERT[precision])


def _is_in(precision: str, graph: Graph) -> bool:
    match precision:
        case "fp32" | "tf32":
            return graph.weights <= {"TYPE_FP32"} and not graph.quantized
        case "fp16" | "bf16":
            return f"TYPE_{precision.upper()}" in graph.weights and not graph.quantized
        case _:
            return precision.upper() in graph.quantized


_AUTOCAST = "python -m modelopt.onnx.autocast --onnx_path model.onnx --low_precision_type"
_QUANTIZE = (
    "python -m modelopt.onnx.quantization --onnx_path model.onnx --calibration_data_path data.npz --quantize_mode"
)
_AS_IT_IS = "Write the precision that it has, or name a file in FP32."
_CONVERT = {
    "fp32": _AS_IT_IS,
    "tf32": _AS_IT_IS,
    "fp16": f"Name a file that `{_AUTOCAST} fp16` (nvidia-modelopt) made of it, or write 'fp32'.",
    "bf16": f"Name a file that `{_AUTOCAST} bf16` (nvidia-modelopt) made of it, or write 'fp32'.",
    "int8": f"TensorRT does not calibrate: name a file that `{_QUANTIZE} int8` (nvidia-modelopt) made of it.",
    "fp8": f"TensorRT does not calibrate: name a file that `{_QUANTIZE} fp8` (nvidia-modelopt) made of it.",
}
"""NVIDIA TensorRT Model Optimizer's ways from one file to the other, which run where calibration data is."""


def _shaped(model: Model) -> Iterator[Finding]:
    try:
        engine_shapes(model)
    except ShapesError as refused:
        fix = "Write shapes as trtexec takes them, the batch included: `input_ids:8x128,attention_mask:8x128`."
        what = f"{refused.parameter} {refused}"
        yield model.finding(ENGINE_SHAPED, f'parameters["{refused.parameter}"]', what, fix)
