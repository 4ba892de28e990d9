"""Whether the inputs and outputs that a config declares are well formed in themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import cast

from planning.findings import Finding, Rule, Severity
from planning.repository.completion import ENSEMBLE
from planning.repository.config import OutputConfig, TensorConfig, enum_name
from planning.repository.model import Model

WELL_FORMED = Rule("TU217", Severity.ERROR, "Every declared input and output is well formed")

_NEED_ALL_STATED = frozenset({"onnxruntime", "openvino", "pytorch", ENSEMBLE})
"""Where nothing completes a tensor that lacks its type or dims: ONNX Runtime and OpenVINO complete whole lists only,
PyTorch nothing (AutoCompleteConfig of each). Other backends may, as TensorRT's, and a Python model that defines
auto_complete_config."""

_LARGEST = 2**63 - 1
"""What Triton counts elements with (GetElementCount, core src/model_config_utils.h)."""


def nothing_completes(model: Model) -> bool:
    """Whether a tensor of `model` lacks for good what its config does not say of it."""
    if model.backend == "python":
        codes = [version.code for version in model.served]
        return bool(codes) and all(code is not None and not code.completes for code in codes)
    return model.backend in _NEED_ALL_STATED


def check_tensors(model: Model) -> Iterator[Finding]:
    """ValidateIOShape, ValidateModelInput and ValidateModelOutput (core, src/model_config_utils.cc)."""
    yield from _check_names(model)
    for kind, tensors in (("input", model.config.input), ("output", model.config.output)):
        for index, tensor in enumerate(tensors):
            yield from _check(model, f"{kind}[{index}]", tensor)
    for index, tensor in enumerate(model.config.input):
        layout = enum_name("ModelInput.Format", tensor.format)
        if layout != "FORMAT_NONE" and len(tensor.dims) != 3:
            what = f"{tensor.name!r} has {layout} and {len(tensor.dims)} dims; the format needs 3."
            yield model.finding(WELL_FORMED, f"input[{index}].format", what, "Leave format out.")


def _check_names(model: Model) -> Iterator[Finding]:
    """Each name stands once. An output that is written down twice in the same words is served all the same: Model::Init
    (core, src/model.cc) puts outputs into a map, and NVIDIA's ensemble for TensorRT-LLM has one. It counts inputs and
    takes labels once (LabelProvider::AddLabels), and PyTorch takes outputs in their order (ValidateOutputs,
    pytorch_backend 266fd38, src/pt/model_instance_state.cc)."""
    for kind, tensors in (("input", model.config.input), ("output", model.config.output)):
        named: dict[str, list[TensorConfig]] = {}
        for tensor in tensors:
            named.setdefault(tensor.name, []).append(tensor)
        for name, same in named.items():
            harmless = kind == "output" and model.backend != "pytorch" and all(_repeats(one, same[0]) for one in same)
            if len(same) > 1 and not harmless:
                yield model.finding(WELL_FORMED, kind, f"Two {kind}s are named {name!r}.", "Rename or remove one.")


def _repeats(one: TensorConfig, other: TensorConfig) -> bool:
    return one == other and not cast("OutputConfig", one).label_filename


def _check(model: Model, at: str, tensor: TensorConfig) -> Iterator[Finding]:
    if not tensor.name:
        what, fix = "It has no name.", "Name it as the model's graph does."
        yield model.finding(WELL_FORMED, at, what, fix)
        return
    if nothing_completes(model):
        if not tensor.data_type:
            what, fix = f"{tensor.name!r} has no data_type.", "Write data_type: TYPE_FP32 or another."
            yield model.finding(WELL_FORMED, at, what, fix)
        if not tensor.dims:
            what, fix = f"{tensor.name!r} has no dims.", "Write dims: [ … ], without the batch dimension."
            yield model.finding(WELL_FORMED, at, what, fix)
    for field, dims in (("dims", tensor.dims), ("reshape.shape", tensor.reshape.shape)):
        wrong = [dim for dim in dims if dim < 1 and dim != -1]
        if wrong:
            what = f"{tensor.name!r} has the dimension {wrong[0]}."
            fix = "Write a size of 1 or more, or -1 for any size."
            yield model.finding(WELL_FORMED, f"{at}.{field}", what, fix)
        elif -1 not in dims and prod(dims) > _LARGEST:
            what = f"{tensor.name!r} has more elements than 64 bits count: {list(dims)}."
            yield model.finding(WELL_FORMED, f"{at}.{field}", what, "Write the sizes that the model has.")
    if tensor.HasField("reshape") and tensor.dims:
        yield from _check_reshape(model, at, tensor)
    if tensor.is_shape_tensor and model.backend != "tensorrt":
        what = f"{tensor.name!r} is a shape tensor, which only TensorRT has."
        yield model.finding(WELL_FORMED, f"{at}.is_shape_tensor", what, "Leave is_shape_tensor out.")
    if tensor.is_non_linear_format_io and (model.backend != "tensorrt" or len(tensor.dims) != 3):
        what = f"{tensor.name!r} has a non-linear format, which only a TensorRT tensor of 3 dims can have."
        field = f"{at}.is_non_linear_format_io"
        yield model.finding(WELL_FORMED, field, what, "Leave is_non_linear_format_io out.")


def _check_reshape(model: Model, at: str, tensor: TensorConfig) -> Iterator[Finding]:
    """A reshape keeps the number of elements, also between its variable sizes: [2, 4, -1, 6] may become
    [8, -1, 1, 6]. An empty one makes a batch of single values scalars, which needs a batch."""
    dims, shape = list(tensor.dims), list(tensor.reshape.shape)
    if not shape and model.max_batch_size == 0:
        what = f"{tensor.name!r} is reshaped to a scalar, which only a batching model can be given."
        fix = "Leave reshape out, or set max_batch_size."
    elif _runs(dims) != _runs(shape):
        what = f"{tensor.name!r} has dims {dims} and the reshape {shape}: their sizes differ."
        fix = "Give both the same number of elements, and the same sizes between -1s."
    else:
        return
    yield model.finding(WELL_FORMED, f"{at}.reshape", what, fix)


def _runs(dims: Sequence[int]) -> list[int]:
    """The number of elements in each run of fixed sizes, as separated by the variable ones."""
    runs: list[list[int]] = [[]]
    for dim in dims:
        if dim == -1:
            runs.append([])
        else:
            runs[-1].append(dim)
    return [prod(run) for run in runs]
