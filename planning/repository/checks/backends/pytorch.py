"""PyTorch's backend (triton-inference-server/pytorch_backend 266fd38, src/pt/model_instance_state.cc and
src/libtorch_utils.cc). TorchScript files are not read further than what kind of archive they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from planning.findings import Finding
from planning.repository.checks.backends.rules import BACKEND_IS_SERVED
from planning.repository.checks.backends.tensors import check_types
from planning.repository.config import TensorConfig, data_type
from planning.repository.model import Model

_TYPES = frozenset(
    f"TYPE_{name}" for name in ("BOOL", "UINT8", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "STRING")
)
"""ModelConfigDataTypeToTorchType, and strings."""

_INDEXED = re.compile(r".*?__\d*")
"""`<name>__<index>`: what follows the first two underlines is digits."""


def check_pytorch(model: Model) -> Iterator[Finding]:
    if model.platform != "pytorch_libtorch":
        return
    for field, tensors in (("input", model.config.input), ("output", model.config.output)):
        if not tensors:
            what = f"The config has no {field}, and TorchScript does not say which there are."
            fix = f"Write {field} [ {{ name: … data_type: … dims: … }} ]."
            yield model.finding(BACKEND_IS_SERVED, field, what, fix)
        for index, tensor in enumerate(tensors):
            yield from _check_string(model, f"{field}[{index}].dims", tensor)
    yield from check_types(model, "PyTorch's backend", _TYPES)
    yield from _check_names(model)


def _check_string(model: Model, at: str, tensor: TensorConfig) -> Iterator[Finding]:
    dims = list(tensor.reshape.shape if tensor.HasField("reshape") else tensor.dims)
    most = 0 if model.max_batch_size else 1
    if data_type(tensor.data_type) == "TYPE_STRING" and len(dims) > most:
        what = f"{tensor.name!r} is a string of dims {dims}; PyTorch's backend takes a list of strings only."
        fix = "Write max_batch_size: 0 and one dimension, or reshape { shape: [ ] } in a batch."
        yield model.finding(BACKEND_IS_SERVED, at, what, fix)


def _check_names(model: Model) -> Iterator[Finding]:
    """GetNamingConvention and ValidateBooleanSequenceControl: controls and states by their index only."""
    batching = model.config.sequence_batching
    for index, control in enumerate(batching.control_input):
        yield from _check_name(model, f"sequence_batching.control_input[{index}].name", control.name)
    for index, state in enumerate(batching.state):
        yield from _check_name(model, f"sequence_batching.state[{index}].input_name", state.input_name)
        yield from _check_name(model, f"sequence_batching.state[{index}].output_name", state.output_name)
    if batching.state:
        for field, tensors in (("input", model.config.input), ("output", model.config.output)):
            for index, tensor in enumerate(tensors):
                yield from _check_name(model, f"{field}[{index}].name", tensor.name)


def _check_name(model: Model, at: str, name: str) -> Iterator[Finding]:
    if name and not _INDEXED.fullmatch(name):
        what = f"{name!r} does not say which argument it is: with sequences, PyTorch's names are <name>__<index>."
        yield model.finding(BACKEND_IS_SERVED, at, what, f'Write "{name}__0" or another index.')
