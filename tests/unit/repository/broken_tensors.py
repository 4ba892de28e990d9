"""Inputs and outputs."""

from __future__ import annotations

from tests.repositories import identity_graph
from tests.unit.repository.broken import case, onnx, sequence_output

CASES = [
    case("a renamed input", "TU214", "input[0].name", onnx('"INPUT"', '"INPT"'), "'INPT'", "Did you mean 'INPUT'?"),
    case("an input of another name", "TU214", "input[0].name", onnx('"INPUT"', '"x"'), "Did you mean 'INPUT'?"),
    case("a renamed output", "TU214", "output[0].name", onnx('"OUTPUT"', '"y"'), "Did you mean 'OUTPUT'?"),
    case(
        "an optional input that is needed",
        "TU214",
        "input[0].optional",
        onnx("input [ {", "input [ { optional: true"),
        "'INPUT'",
    ),
    case(
        "another data type",
        "TU215",
        "input[0].data_type",
        onnx('input [ { name: "INPUT" data_type: TYPE_FP32', 'input [ { name: "INPUT" data_type: TYPE_FP16'),
        "TYPE_FP16",
        "Write data_type: TYPE_FP32",
    ),
    case("a list of tensors", "TU215", "config.pbtxt", sequence_output, "'OUTPUT'", "not a tensor"),
    case(
        "another size",
        "TU216",
        "output[0].dims",
        onnx(
            'dims: [4] } ]\noutput [ { name: "OUTPUT" data_type: TYPE_FP32 dims: [4]',
            'dims: [4] } ]\noutput [ { name: "OUTPUT" data_type: TYPE_FP32 dims: [5]',
        ),
        "[ -1, 5 ]",
        "Write dims: [ 4 ]",
    ),
    case(
        "any size for a fixed one",
        "TU216",
        "input[0].dims",
        onnx("dims: [4] } ]\nout", "dims: [-1] } ]\nout"),
        "[ -1, -1 ]",
    ),
    case(
        "a batch written out",
        "TU216",
        "input[0].dims",
        onnx("dims: [4] } ]\nout", "dims: [-1, 4] } ]\nout"),
        "[ -1, -1, 4 ]",
        "Write dims: [ 4 ]",
    ),
    case(
        "a batch that the graph does not take",
        "TU216",
        "input[0].dims",
        lambda m: m.onnx("digits", graph=identity_graph((1, 4))),
        "max_batch_size 8",
        "max_batch_size: 0",
    ),
    case(
        "a fixed output that the graph leaves open",
        "TU216",
        "output[0].dims",
        lambda m: m.onnx("digits", graph=identity_graph(("batch", "length"))),
        "[ -1, 4 ]",
        "[ -1, -1 ]",
    ),
    case("a size of zero", "TU217", "input[0].dims", onnx("dims: [4] } ]\nout", "dims: [0] } ]\nout"), "dimension 0"),
    case(
        "no data type",
        "TU217",
        "input[0]",
        onnx("data_type: TYPE_FP32 dims: [4] } ]\nout", "dims: [4] } ]\nout"),
        "data_type",
    ),
    case("no dims", "TU217", "input[0]", onnx("dims: [4] } ]\nout", "} ]\nout"), "no dims"),
    case("no name", "TU217", "input[0]", onnx('name: "INPUT" ', ""), "no name"),
    case(
        "two inputs of one name",
        "TU217",
        "input",
        onnx("input [", 'input [ { name: "INPUT" data_type: TYPE_FP32 dims: 4 },'),
        "'INPUT'",
    ),
    case(
        "another number of elements",
        "TU217",
        "input[0].reshape",
        onnx("input [ {", "input [ { reshape { shape: 3 }"),
        "[4]",
        "[3]",
    ),
    case(
        "an image of one dimension",
        "TU217",
        "input[0].format",
        onnx("input [ {", "input [ { format: FORMAT_NCHW"),
        "FORMAT_NCHW",
    ),
    case(
        "a shape tensor", "TU217", "is_shape_tensor", onnx("input [ {", "input [ { is_shape_tensor: true"), "TensorRT"
    ),
]
