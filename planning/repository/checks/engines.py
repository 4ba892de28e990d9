"""TensorRT models whose engine is declared here and built later."""

from __future__ import annotations

from collections.abc import Iterator

from planning.findings import Finding, Rule, Severity
from planning.repository.files import leads_outside
from planning.repository.model import Model, Repository
from planning.repository.reader import ENGINE_PRECISION, ENGINE_SOURCE
from planning.repository.suggestion import did_you_mean

ENGINE_DECLARED = Rule("TU211", Severity.ERROR, "A TensorRT engine's source and precision are known")

PRECISIONS = ("fp32", "fp16", "bf16", "fp8", "int8")
"""What trtexec builds an engine in (NVIDIA/TensorRT, samples/trtexec: fp32 unless --fp16, --bf16, --fp8 or
--int8 is given)."""

_WRITE_SOURCE = "Write it as model/version/file, relative to the model repository: digits/1/model.onnx."


def check_engine(model: Model, repository: Repository) -> Iterator[Finding]:
    """The parameters that declare what an engine is built from."""
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
