"""The signature of an ONNX file is the one that ONNX Runtime reports to Triton."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

from planning.repository.graph import Graph, GraphTensor, NotOnnx, read_graph
from tests.repositories import TYPES, identity_graph


def value(name: str, dims: list[int | str] | None, kind: int = TensorProto.FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, dims)


def model(
    nodes: list[object],
    inputs: list[ValueInfoProto],
    outputs: list[ValueInfoProto],
    constants: Mapping[str, object] | None = None,
    *,
    ir_version: int = 8,
    opset: int = 17,
) -> ModelProto:
    initialisers = [numpy_helper.from_array(np.asarray(data), name) for name, data in (constants or {}).items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initialisers)
    return helper.make_model(graph, ir_version=ir_version, opset_imports=[helper.make_opsetid("", opset)])


node = helper.make_node
X, Y = value("x", ["b", 4]), value("y", ["b", "n"])

GRAPHS = {
    "identity": identity_graph(),
    "numbered sizes": identity_graph((2, 3)),
    "a fixed batch behind a dynamic name": model([node("Reshape", ["x", "s"], ["y"])], [X], [Y], {"s": [1, -1]}),
    "a reshape that keeps the batch": model([node("Reshape", ["x", "s"], ["y"])], [X], [Y], {"s": [0, -1]}),
    "a reshape to any batch": model([node("Reshape", ["x", "s"], ["y"])], [X], [Y], {"s": [-1, 4]}),
    "a reshape by the input's own shape": model(
        [
            node("Shape", ["x"], ["shape"]),
            node("Gather", ["shape", "first"], ["size"]),
            node("Unsqueeze", ["size", "axis"], ["batch"]),
            node("Concat", ["batch", "rest"], ["wanted"], axis=0),
            node("Reshape", ["x", "wanted"], ["y"]),
        ],
        [value("x", ["b", 2, 2])],
        [Y],
        {"first": 0, "axis": [0], "rest": [-1]},
    ),
    "a shape that is computed": model(
        [node("Add", ["a", "a"], ["s"]), node("Reshape", ["x", "s"], ["y"])], [X], [Y], {"a": [2, 2]}
    ),
    "a mean": model(
        [node("ReduceMean", ["x"], ["y"], axes=[1])], [value("x", ["b", "s", 8])], [value("y", ["b", 1, "k"])]
    ),
    "no shape at all": model([node("Relu", ["x"], ["y"])], [X], [value("y", None)]),
    "a scalar": model([node("ReduceSum", ["x"], ["y"], keepdims=0)], [X], [value("y", [])]),
    "an initialiser that may be overridden": model(
        [node("Add", ["x", "w"], ["y"])], [X, value("w", [4])], [value("y", ["b", 4])], {"w": np.ones(4, "f4")}
    ),
    "an initialiser of an old file": model(
        [node("Add", ["x", "w"], ["y"])],
        [X, value("w", [4])],
        [value("y", ["b", 4])],
        {"w": np.ones(4, "f4")},
        ir_version=3,
        opset=8,
    ),
    "the largest three": model(
        [node("TopK", ["x", "k"], ["y", "i"])], [X], [Y, value("i", ["b", "k"], TensorProto.INT64)], {"k": [3]}
    ),
    "twice as wide": model([node("Concat", ["x", "x"], ["y"], axis=1)], [X], [Y]),
    "branches": model(
        [
            node(
                "If",
                ["c"],
                ["y"],
                then_branch=helper.make_graph([node("Identity", ["x"], ["t"])], "t", [], [value("t", ["b", 4])]),
                else_branch=helper.make_graph([node("Neg", ["x"], ["e"])], "e", [], [value("e", ["b", 4])]),
            )
        ],
        [X, value("c", [1], TensorProto.BOOL)],
        [Y],
    ),
    "a size that depends on the data": model(
        [node("NonZero", ["x"], ["y"])], [X], [value("y", ["r", "n"], TensorProto.INT64)]
    ),
    "a large weight": model([node("MatMul", ["x", "w"], ["y"])], [X], [Y], {"w": np.zeros((4, 2048), "f4")}),
}


def dims(values: list[object]) -> dict[str, tuple[int, ...]]:
    return {
        value.name: tuple(dim if isinstance(dim, int) else -1 for dim in value.shape)  # type: ignore[attr-defined]
        for value in values
    }


def graph_dims(tensors: tuple[GraphTensor, ...]) -> dict[str, tuple[int, ...] | None]:
    return {tensor.name: tensor.dims for tensor in tensors}


@pytest.mark.parametrize("proto", GRAPHS.values(), ids=GRAPHS.keys())
def test_the_signature_is_the_one_that_onnx_runtime_reports(proto: ModelProto) -> None:
    data = proto.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    graph = read_graph(data)
    assert isinstance(graph, Graph)
    assert graph_dims(graph.inputs) == dims(session.get_inputs())
    assert graph_dims(graph.overridable) == dims(session.get_overridable_initializers())
    reported = dims(session.get_outputs())
    assert [tensor.name for tensor in graph.outputs] == list(reported)
    for tensor in graph.outputs:
        assert tensor.dims is not None
        assert len(tensor.dims) == len(reported[tensor.name])
        certain = [index for index in range(len(tensor.dims)) if index not in tensor.loose]
        assert [tensor.dims[index] for index in certain] == [reported[tensor.name][index] for index in certain]


def test_a_size_that_an_input_names_is_certain_to_be_any_size() -> None:
    graph = read_graph(GRAPHS["a reshape that keeps the batch"].SerializeToString())
    assert isinstance(graph, Graph)
    assert graph.outputs[0] == GraphTensor(name="y", data_type="TYPE_FP32", dims=(-1, 4))


@pytest.mark.parametrize("data_type", TYPES)
def test_every_data_type_has_tritons_name(data_type: str) -> None:
    graph = read_graph(identity_graph(data_type=data_type).SerializeToString())
    assert isinstance(graph, Graph)
    assert {tensor.data_type for tensor in (*graph.inputs, *graph.outputs)} == {data_type}


def test_custom_operators_leave_sizes_open() -> None:
    proto = model([node("Mystery", ["x"], ["y"], domain="acme")], [X], [value("y", ["b", 7])])
    proto.opset_import.append(helper.make_opsetid("acme", 1))
    graph = read_graph(proto.SerializeToString())
    assert isinstance(graph, Graph)
    assert (graph.outputs[0].dims, graph.outputs[0].loose) == ((-1, 7), {0})
    assert graph.opsets == {"ai.onnx": 17, "acme": 1}


def test_external_data_is_found_in_branches_too() -> None:
    inner = numpy_helper.from_array(np.zeros(4, "f4"), "inner")
    inner.ClearField("raw_data")
    inner.data_location = TensorProto.EXTERNAL
    for key, text in (("location", "weights.bin"), ("offset", "16"), ("length", "16")):
        entry = inner.external_data.add()
        entry.key, entry.value = key, text
    branch = helper.make_graph([node("Identity", ["inner"], ["t"])], "t", [], [value("t", [4])], [inner])
    proto = model(
        [node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)],
        [value("c", [1], TensorProto.BOOL)],
        [value("y", [4])],
    )
    graph = read_graph(proto.SerializeToString())
    assert isinstance(graph, Graph)
    assert [(data.location, data.needed_bytes) for data in graph.external] == [("weights.bin", 32)]


def test_a_git_lfs_pointer_is_named_as_such() -> None:
    found = read_graph(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert isinstance(found, NotOnnx)
    assert "git lfs pull" in found.fix


_WHOLE = GRAPHS["branches"].SerializeToString()


@given(st.integers(0, len(_WHOLE)), st.binary(max_size=8), st.booleans())
def test_no_damaged_file_is_more_than_not_onnx(position: int, instead: bytes, cut: bool) -> None:
    data = _WHOLE[:position] + instead + (b"" if cut else _WHOLE[position + len(instead) :])
    assert isinstance(read_graph(data), Graph | NotOnnx)


@given(st.binary(max_size=64))
def test_no_bytes_are_more_than_not_onnx(data: bytes) -> None:
    assert isinstance(read_graph(data), Graph | NotOnnx)
