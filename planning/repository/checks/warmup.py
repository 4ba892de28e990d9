"""Warm-up samples: the requests that a model answers before it counts as ready."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from pathlib import PurePosixPath

from planning.findings import Finding, Rule, Severity
from planning.repository.config import WarmupInput, data_type
from planning.repository.model import Model
from planning.repository.suggestion import did_you_mean

SAMPLE_FITS = Rule("TU224", Severity.ERROR, "Every warm-up sample is a request that the model can answer")
SAMPLE_RUNS = Rule("TU225", Severity.WARNING, "Every warm-up sample runs")

ELEMENT_BYTES = {
    "TYPE_BOOL": 1,
    "TYPE_UINT8": 1,
    "TYPE_UINT16": 2,
    "TYPE_UINT32": 4,
    "TYPE_UINT64": 8,
    "TYPE_INT8": 1,
    "TYPE_INT16": 2,
    "TYPE_INT32": 4,
    "TYPE_INT64": 8,
    "TYPE_FP16": 2,
    "TYPE_BF16": 2,
    "TYPE_FP32": 4,
    "TYPE_FP64": 8,
}
"""Bytes of one element (GetDataTypeByteSize, common/src/model_config.cc). A string has no fixed size."""


def check_warmup(model: Model) -> Iterator[Finding]:
    """TritonModelInstance::GenerateWarmupData (core, src/backend_model_instance.cc). A sample that fails
    keeps its model from loading."""
    names = {tensor.name for tensor in model.inputs}
    controls = {control.name for control in model.config.sequence_batching.control_input}
    for index, sample in enumerate(model.config.model_warmup):
        at = f"model_warmup[{index}]"
        called = f"The sample {sample.name!r}" if sample.name else "The sample"
        if not sample.batch_size:
            what = f"{called} has no batch_size, and Triton skips it."
            yield model.finding(SAMPLE_RUNS, at, what, "Write batch_size: 1 or more.")
            continue
        largest = max(1, model.max_batch_size)
        if sample.batch_size > largest:
            what = f"{called} has batch_size {sample.batch_size}, the model takes at most {largest}."
            yield model.finding(SAMPLE_FITS, f"{at}.batch_size", what, f"Write batch_size: {largest} or less.")
        needed = sorted(tensor.name for tensor in model.inputs if not tensor.optional)
        missing = [name for name in needed if name not in sample.inputs]
        for name, data in sorted(sample.inputs.items()):
            yield from _check_input(model, f'{at}.inputs["{name}"]', called, name, data)
            # Triton hands on what a model does not declare: to a Python model that is harmless, to a graph it is not.
            if names and name not in names | controls and (missing or model.backend != "python"):
                what = f"{called} has an input {name!r}, which the model has not."
                fix = did_you_mean(name, names) + "Name an input of the model."
                yield model.finding(SAMPLE_FITS, f'{at}.inputs["{name}"]', what, fix)
        if missing and names.issuperset(sample.inputs):
            what = f"{called} lacks the input {missing[0]!r}."
            yield model.finding(SAMPLE_FITS, f"{at}.inputs", what, f"Add inputs {{ key: {missing[0]!r} … }}.")


def _check_input(model: Model, at: str, called: str, name: str, data: WarmupInput) -> Iterator[Finding]:
    kind, dims = data_type(data.data_type), tuple(data.dims)
    known = {tensor.name: tensor for tensor in model.inputs}
    if any(dim < 1 for dim in dims):
        what = f"{called} gives {name!r} the dims {list(dims)}: a sample needs every size."
        yield model.finding(SAMPLE_FITS, f"{at}.value.dims", what, "Write sizes of 1 or more.")
    elif name in known and known[name].dims and not _fit(dims, known[name].dims):
        what = f"{called} gives {name!r} the dims {list(dims)}, the model takes {list(known[name].dims)}."
        fix = "Write sizes that fit, without the batch dimension."
        yield model.finding(SAMPLE_FITS, f"{at}.value.dims", what, fix)
    if name in known and kind != known[name].data_type != "TYPE_INVALID":
        what = f"{called} gives {name!r} as {kind}, the model takes {known[name].data_type}."
        fix = f"Write data_type: {known[name].data_type}."
        yield model.finding(SAMPLE_FITS, f"{at}.value.data_type", what, fix)
    if data.WhichOneof("input_data_type") is None:
        what = f"{called} does not say where the data of {name!r} comes from."
        fix = "Write zero_data: true, random_data: true or input_data_file."
        yield model.finding(SAMPLE_FITS, at, what, fix)
    if data.input_data_file:
        yield from _check_file(model, f"{at}.value.input_data_file", data, kind, dims)


def _fit(dims: Sequence[int], wanted: Sequence[int]) -> bool:
    return len(dims) == len(wanted) and all(want in (-1, dim) for dim, want in zip(dims, wanted, strict=True))


def _check_file(model: Model, at: str, data: WarmupInput, kind: str, dims: Sequence[int]) -> Iterator[Finding]:
    path = PurePosixPath("warmup", data.input_data_file)
    file = model.file(path)
    needed = prod(dims) * ELEMENT_BYTES.get(kind, 0)
    if file is None:
        what = f"The sample's file {str(path)!r} is missing."
        yield model.finding(SAMPLE_FITS, at, what, f"Put it into {(model.directory / 'warmup').as_posix()}.")
    elif file.size < needed:
        what = f"The sample's file {str(path)!r} has {file.size} bytes; {list(dims)} of {kind} are {needed}."
        yield model.finding(SAMPLE_FITS, at, what, "Write all of the raw bytes into the file.")
