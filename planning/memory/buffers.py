"""The buffers that one run of an ONNX graph takes and gives back, in order.

What is reckoned: the sizes of all tensors at given input shapes (ONNX's shape inference, which also follows values that
are computed from shapes), in the order of the file; a tensor lives from the node that makes it until the last that
reads it; operators that only change a shape, and element-wise operators whose operand nobody else reads, write into
their operand's buffer (ONNX Runtime, `MayInplace` and `Alias` of its kernels; allocation_planner.cc). Not reckoned:
what its optimisers fuse, and work space inside of kernels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, cast

from planning.repository.generated import load
from planning.repository.shape_inference import infer_shapes

if TYPE_CHECKING:
    from onnx.onnx_ml_pb2 import ModelProto, NodeProto, TensorProto, ValueInfoProto

_ALIASES = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"})
_IN_PLACE = frozenset(
    {
        *("Abs", "Add", "Ceil", "Clip", "Div", "Elu", "Erf", "Exp", "Floor", "HardSigmoid", "LeakyRelu", "Log", "Max"),
        *("Min", "Mul", "Neg", "Pow", "Reciprocal", "Relu", "Selu", "Sigmoid", "Softplus", "Sqrt", "Sub", "Sum"),
        *("Tanh", "ThresholdedRelu"),
    }
)
"""Not Softmax: a profile of it shows that operand and result are there at once."""

_ELEMENT_BYTES: Mapping[int, int] = {
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20), 1),
    **dict.fromkeys((4, 5, 10, 16), 2),
    **dict.fromkeys((1, 6, 12), 4),
    **dict.fromkeys((7, 11, 13, 14), 8),
    8: 32,
    15: 16,
}
"""By ONNX's TensorProto.DataType (onnx.proto). Strings as C++ holds them: 32 bytes for a short one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A tensor that the file states, and whether a kernel packs it: the right operand of MatMul or Gemm (`matrix`), the
    filter of Conv (`filter`)."""

    size: int
    packed_as: str | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """Buffer number `buffer` is taken."""

    buffer: int


@dataclass(frozen=True, slots=True)
class Give:
    """Buffer number `buffer` is given back."""

    buffer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. `sizes` in bytes by number; `results` are the buffers that hold the graph's outputs, which live until
    the answer is written; `unknown` counts tensors whose size nobody can tell before."""

    steps: tuple[Take | Give, ...]
    sizes: tuple[int, ...]
    results: frozenset[int]
    unknown: int

    @property
    def peak(self) -> int:
        """The most bytes that are taken at once."""
        taken = most = 0
        for step in self.steps:
            taken += self.sizes[step.buffer] * (1 if isinstance(step, Take) else -1)
            most = max(most, taken)
        return most


def weights_of(skeleton: bytes) -> tuple[Weight, ...]:
    """Every initialiser and constant of the main graph."""
    graph = _model(skeleton).graph
    stated = {tensor.name: _tensor_bytes(tensor) for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                stated[node.output[0]] = _tensor_bytes(attribute.t)
    packed: dict[str, str] = {}
    for node in graph.node:
        if node.op_type in {"MatMul", "Gemm"} and len(node.input) > 1:
            packed[node.input[1]] = "matrix"
        elif node.op_type == "Conv" and len(node.input) > 1:
            packed[node.input[1]] = "filter"
    return tuple(Weight(size=size, packed_as=packed.get(name)) for name, size in stated.items())


def run_of(skeleton: bytes, inputs: Mapping[str, Sequence[int]]) -> Run:
    """One run with inputs of these shapes."""
    model = _model(skeleton)
    _fix(model, inputs)
    inferred = infer_shapes(model.SerializeToString(), follow_values=True)
    graph = type(model).FromString(inferred).graph if inferred is not None else model.graph
    sizes = {value.name: _value_bytes(value) for value in (*graph.value_info, *graph.output)}
    return _Walk(list(graph.node), sizes, {value.name for value in graph.output}).run()


class _Walk:
    """The buffers of `nodes` in their order."""

    def __init__(
        self, nodes: Sequence[NodeProto], sizes: Mapping[str, int | None], results: frozenset[str] | set[str]
    ) -> None:
        self._nodes = nodes
        self._of = sizes
        self._results = results
        self._last = {name: index for index, node in enumerate(nodes) for name in node.input}
        self._last |= dict.fromkeys(results, len(nodes))
        self._buffer: dict[str, int] = {}
        self._tensors: list[set[str]] = []
        self._sizes: list[int] = []
        self._steps: list[Take | Give] = []

    def run(self) -> Run:
        unknown = 0
        for index, node in enumerate(self._nodes):
            for name in filter(None, node.output):
                size = self._of.get(name)
                unknown += size is None
                number = self._taken_over(node, size or 0, index)
                if number is None:
                    number = len(self._sizes)
                    self._sizes.append(size or 0)
                    self._tensors.append(set())
                    self._steps.append(Take(number))
                self._buffer[name] = number
                self._tensors[number].add(name)
            self._give_back(node, index)
        held = frozenset(self._buffer[name] for name in self._results if name in self._buffer)
        return Run(steps=tuple(self._steps), sizes=tuple(self._sizes), results=held, unknown=unknown)

    def _taken_over(self, node: NodeProto, size: int, index: int) -> int | None:
        if node.op_type in _ALIASES and node.input:
            return self._buffer.get(node.input[0])
        if node.op_type in _IN_PLACE:
            for name in node.input:
                number = self._buffer.get(name)
                if number is not None and self._sizes[number] == size and self._over(number, index):
                    return number
        return None

    def _over(self, number: int, index: int) -> bool:
        return all(self._last.get(name, -1) <= index for name in self._tensors[number])

    def _give_back(self, node: NodeProto, index: int) -> None:
        for name in dict.fromkeys((*node.input, *node.output)):
            number = self._buffer.get(name)
            if number is not None and self._tensors[number] and self._over(number, index):
                self._steps.append(Give(number))
                self._tensors[number].clear()


def _model(skeleton: bytes) -> ModelProto:
    return cast("ModelProto", load("onnx", "onnx_ml_pb2").ModelProto.FromString(skeleton))


def _fix(model: ModelProto, inputs: Mapping[str, Sequence[int]]) -> None:
    """Write the sizes of the request into the graph, and leave the rest to inference."""
    named: dict[str, int] = {}
    for value in model.graph.input:
        given = inputs.get(value.name)
        shape = value.type.tensor_type.shape.dim
        if given is None or len(given) != len(shape):
            continue
        for dim, size in zip(shape, given, strict=True):
            if not dim.HasField("dim_value"):
                dim.dim_value = named.setdefault(dim.dim_param, size) if dim.dim_param else size
    model.graph.ClearField("value_info")
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")


def _value_bytes(value: ValueInfoProto) -> int | None:
    """None where a size is open."""
    tensor = value.type.tensor_type
    each = _ELEMENT_BYTES.get(tensor.elem_type)
    if each is None or not tensor.HasField("shape") or any(not dim.HasField("dim_value") for dim in tensor.shape.dim):
        return None
    return each * prod(dim.dim_value for dim in tensor.shape.dim)


def _tensor_bytes(tensor: TensorProto) -> int:
    return prod(tensor.dims) * _ELEMENT_BYTES.get(tensor.data_type, 1)
