"""ONNX graphs that old servers and TensorRT read too, and whose bytes are the same on every build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, checker, helper, shape_inference

from model_sources.files import write_atomically

OPSET = 17
"""The oldest with LayerNormalization as one operator (ONNX 1.12, Operators.md). ONNX Runtime reads all older
opsets than its own, so Triton 24.10 (ONNX Runtime 1.19, opset 21) and later ones read it."""

IR_VERSION = 8
"""The one that ONNX 1.12 wrote, the release of opset 17 (ONNX's Versioning.md); a newer one is refused by an
older ONNX Runtime, whatever the operators are."""

Initializers = Mapping[str, NDArray[np.float32] | NDArray[np.int64]]


def model(
    name: str,
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    initializers: Initializers,
) -> ModelProto:
    """A checked model; `onnx.checker.ValidationError` or `onnx.shape_inference.InferenceError` if it is
    wrong."""
    graph = helper.make_graph(
        list(nodes),
        name,
        list(inputs),
        list(outputs),
        [_tensor(key, value) for key, value in initializers.items()],
    )
    # The producer is fixed, because onnx's own version in it would change the bytes.
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="tritonup",
    )
    checker.check_model(made)  # pyright: ignore[reportUnknownMemberType]  # a bare PathLike in onnx
    shape_inference.infer_shapes(made, check_type=True, strict_mode=True)
    return made


def floats(name: str, *shape: int | str) -> ValueInfoProto:
    """An FP32 input or output; a dimension given as a word may have any size."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def integers(name: str, *shape: int | str) -> ValueInfoProto:
    """An INT64 input or output."""
    return helper.make_tensor_value_info(name, TensorProto.INT64, shape)


def serialized(made: ModelProto) -> bytes:
    """The model's file, the same for the same model."""
    return made.SerializeToString(deterministic=True)


def write(made: ModelProto, target: Path) -> None:
    """Put the model at `target`, whole or not at all."""
    write_atomically(target, serialized(made))


def _tensor(name: str, value: NDArray[np.float32] | NDArray[np.int64]) -> TensorProto:
    kind = TensorProto.INT64 if value.dtype == np.int64 else TensorProto.FLOAT
    # ONNX is little-endian on every machine.
    raw = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<")).tobytes()
    return helper.make_tensor(name, kind, value.shape, raw, raw=True)
