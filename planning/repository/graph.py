"""What an ONNX file takes and gives, as ONNX Runtime will report it to Triton.

Only the file itself is read, never the tensors that it keeps in files beside it: their names are checked
before anything may follow them (CVE-2026-27489, -34446 and -34447 are about external data that leads out
of the model's folder).

The shapes are those of ONNX Runtime's session, which are not always those written down: it infers every
output's shape again while loading and keeps the more exact one. A graph exported with a "dynamic" batch axis
around a Reshape to a fixed size has a fixed batch, and Triton refuses to batch it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, cast

from planning.repository.generated import load
from planning.repository.shape_inference import infer_shapes

if TYPE_CHECKING:
    from onnx.onnx_ml_pb2 import (
        AttributeProto,
        GraphProto,
        ModelProto,
        NodeProto,
        TensorProto,
        ValueInfoProto,
    )

MAX_PROTOBUF_BYTES = 2**31 - 1
"""No protobuf message may be larger (protobuf.dev, "Proto Limits"); larger models keep external data."""

_DATA_TYPES = {
    1: "TYPE_FP32",
    2: "TYPE_UINT8",
    3: "TYPE_INT8",
    4: "TYPE_UINT16",
    5: "TYPE_INT16",
    6: "TYPE_INT32",
    7: "TYPE_INT64",
    8: "TYPE_STRING",
    9: "TYPE_BOOL",
    10: "TYPE_FP16",
    11: "TYPE_FP64",
    12: "TYPE_UINT32",
    13: "TYPE_UINT64",
    16: "TYPE_BF16",
}
"""ONNX's TensorProto.DataType (onnx.proto) as OnnxDataTypeToModelConfigDataType maps it
(onnxruntime_backend, src/onnxruntime_utils.cc). Every other type is TYPE_INVALID there: not served."""

_STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_BIG_CONSTANT_BYTES = 4096
"""Weights are left out of shape inference; what it reads are shapes, a few numbers each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphTensor:
    """An input or output. `dims` has -1 for every size that is not fixed, and is None where even the
    number of dimensions is unknown; `data_type` is TYPE_INVALID for what Triton cannot serve, and
    `is_tensor` false for a sequence, map or optional, with which it does not load the graph at all."""

    name: str
    data_type: str
    dims: tuple[int, ...] | None
    is_tensor: bool = True
    loose: frozenset[int] = frozenset()
    """Positions in `dims` of an output whose -1 ONNX Runtime may replace: it also evaluates what a graph
    computes from shapes, and knows operators of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalData:
    """A file that tensors are kept in: `location` as the graph writes it, relative to the ONNX file,
    and the bytes that the file must have at least."""

    location: str
    needed_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The signature of one ONNX file."""

    inputs: tuple[GraphTensor, ...]
    """What a request must bring: inputs that are not initialisers."""
    overridable: tuple[GraphTensor, ...]
    """Inputs that have an initialiser: a request may bring them (since IR version 4)."""
    outputs: tuple[GraphTensor, ...]
    ir_version: int
    opsets: Mapping[str, int]
    """Operator set versions by domain; `ai.onnx` is the default domain."""
    external: tuple[ExternalData, ...]
    skeleton: bytes = field(repr=False)
    """The ModelProto without its weights' values: what `planning.memory` reckons with."""
    weights: frozenset[str] = frozenset()
    """The types of its floating-point tensors (`TYPE_FP32`, `TYPE_FP16`, `TYPE_BF16`), single numbers left out."""
    quantized: frozenset[str] = frozenset()
    """The types that it is quantized to, `INT8` and `FP8`: those of its QuantizeLinear and DequantizeLinear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOnnx:
    """Why a file is not an ONNX model, and what to do about it."""

    what: str
    fix: str


def read_graph(data: bytes) -> Graph | NotOnnx:
    """The signature of the ONNX file whose bytes are `data`."""
    if data.startswith(b"version https://git-lfs"):
        return NotOnnx(what="is a Git LFS pointer, not the model.", fix="Run `git lfs pull`.")
    if not data:
        return NotOnnx(what="is empty.", fix="Export the model again.")
    schema = load("onnx", "onnx_ml_pb2")
    model = cast("ModelProto", schema.ModelProto())
    try:
        model.ParseFromString(data)
    except load("google.protobuf", "message").DecodeError:
        return NotOnnx(what="cannot be parsed as ONNX: it is cut off or another format.", fix=_EXPORT)
    if not model.HasField("graph") or not model.ir_version:
        return NotOnnx(what="holds no ONNX graph.", fix=_EXPORT)
    external = _external_data(model)
    weights, quantized = _weights(model), _quantized(model)
    _drop_weights(model)
    skeleton = model.SerializeToString()
    initialisers = {tensor.name for tensor in model.graph.initializer}
    initialisers.update(sparse.values.name for sparse in model.graph.sparse_initializer)
    inputs = [_tensor(value) for value in model.graph.input]
    return Graph(
        inputs=tuple(tensor for tensor in inputs if tensor.name not in initialisers),
        # Before IR version 4 every initialiser had to be an input too, and is a constant all the same.
        overridable=tuple(tensor for tensor in inputs if tensor.name in initialisers and model.ir_version >= 4),
        outputs=_outputs(model),
        ir_version=model.ir_version,
        opsets={opset.domain or "ai.onnx": opset.version for opset in model.opset_import},
        external=external,
        skeleton=skeleton,
        weights=weights,
        quantized=quantized,
    )


_EXPORT = "Export it again with torch.onnx.export or another exporter, and check it with onnx.checker."


def _tensor(value: ValueInfoProto) -> GraphTensor:
    if value.type.WhichOneof("value") != "tensor_type":
        return GraphTensor(name=value.name, data_type="TYPE_INVALID", dims=None, is_tensor=False)
    data_type = _DATA_TYPES.get(value.type.tensor_type.elem_type, "TYPE_INVALID")
    shape = _shape(value)
    # A size that is missing or named is any size; ONNX Runtime reports both as -1.
    dims = None if shape is None else tuple(dim if isinstance(dim, int) else -1 for dim in shape)
    return GraphTensor(name=value.name, data_type=data_type, dims=dims)


def _shape(value: ValueInfoProto) -> tuple[int | str | None, ...] | None:
    """Each dimension as a size, a name, or None where it has neither."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in tensor.shape.dim)


def _outputs(model: ModelProto) -> tuple[GraphTensor, ...]:
    """The outputs with what is written about them and what follows from the operators, the more exact of
    the two for each dimension. `model` loses its outputs' shapes."""
    written = list(model.graph.output)
    declared = [(_tensor(value), _shape(value)) for value in written]
    names = {dim for value in model.graph.input for dim in _shape(value) or () if isinstance(dim, str)}
    inferred = _inferred_outputs(model)
    return tuple(
        _merged(tensor, shape, inferred.get(tensor.name), names) if tensor.is_tensor else tensor
        for tensor, shape in declared
    )


def _merged(
    tensor: GraphTensor,
    written: tuple[int | str | None, ...] | None,
    inferred: tuple[int | str | None, ...] | None,
    names: set[str],
) -> GraphTensor:
    if inferred is None or (written is not None and len(written) != len(inferred)):
        inferred = (None,) * len(written or ())
    if written is None:
        written = inferred or None
    if written is None:
        return tensor
    dims: list[int] = []
    loose: set[int] = set()
    for position, (said, found) in enumerate(zip(written, inferred, strict=True)):
        size = next((dim for dim in (said, found) if isinstance(dim, int)), None)
        dims.append(-1 if size is None else size)
        # Only a size that an input has by the same name is known to be any size.
        if size is None and found not in names:
            loose.add(position)
    return GraphTensor(name=tensor.name, data_type=tensor.data_type, dims=tuple(dims), loose=frozenset(loose))


def _nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """`nodes` and those of every graph inside them (the branches of If, the bodies of Loop and Scan)."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for inner in _graphs(attribute):
                yield from _nodes(inner.node)


def _graphs(attribute: AttributeProto) -> Iterator[GraphProto]:
    if attribute.HasField("g"):
        yield attribute.g
    yield from attribute.graphs


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor that the file states: initialisers and constants, also in nested graphs."""
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        yield from _node_tensors(function.node)


def _graph_tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Iterable[NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in _graphs(attribute):
                yield from _graph_tensors(inner)


def _external_data(model: ModelProto) -> tuple[ExternalData, ...]:
    needed: dict[str, int] = {}
    for tensor in _tensors(model):
        if not tensor.external_data:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        end = _number(entries.get("offset")) + _number(entries.get("length"))
        needed[location] = max(needed.get(location, 0), end)
    return tuple(ExternalData(location=location, needed_bytes=size) for location, size in sorted(needed.items()))


_FLOATS = {1: "TYPE_FP32", 10: "TYPE_FP16", 16: "TYPE_BF16"}
_QUANTIZED = {3: "INT8", 17: "FP8"}
"""Of ONNX's TensorProto.DataType what TensorRT quantizes to: INT8 and FLOAT8E4M3FN (TensorRT 11.1, "Explicit
Quantization")."""


def _weights(model: ModelProto) -> frozenset[str]:
    return frozenset(
        _FLOATS[tensor.data_type] for tensor in _tensors(model) if tensor.data_type in _FLOATS and prod(tensor.dims) > 1
    )


def _quantized(model: ModelProto) -> frozenset[str]:
    """The type is that of the zero point or of the quantized weights, which are initialisers or constants, or it is
    stated (QuantizeLinear, `output_dtype`)."""
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            types.update((node.output[0], one.t.data_type) for one in node.attribute if one.HasField("t"))
    found: set[int] = set()
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            found.update(types[name] for name in node.input if name in types)
            found.update(one.i for one in node.attribute if one.name == "output_dtype")
    return frozenset(_QUANTIZED[one] for one in found if one in _QUANTIZED)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0


def _drop_weights(model: ModelProto) -> None:
    for tensor in _tensors(model):
        if len(tensor.raw_data) > _BIG_CONSTANT_BYTES:
            tensor.ClearField("raw_data")
        for values in ("float_data", "double_data", "int32_data", "int64_data", "uint64_data"):
            if len(getattr(tensor, values)) * 4 > _BIG_CONSTANT_BYTES:
                tensor.ClearField(values)


def _inferred_outputs(model: ModelProto) -> dict[str, tuple[int | str | None, ...]]:
    """The output shapes that ONNX's own operator definitions imply, as far as they reach: not past custom
    operators and functions, and not in graphs that contradict them (ONNX Runtime decides then)."""
    if model.functions or any(node.domain not in _STANDARD_DOMAINS for node in _nodes(model.graph.node)):
        return {}
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    inferred = infer_shapes(model.SerializeToString(), follow_values=False)
    if inferred is None:
        return {}
    outputs = type(model).FromString(inferred).graph.output
    return {value.name: shape for value in outputs if (shape := _shape(value)) is not None}
