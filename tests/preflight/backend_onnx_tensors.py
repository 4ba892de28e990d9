"""Inputs and outputs against the ONNX graph: ONNX Runtime's backend decides, by its source."""

from __future__ import annotations

from tests.preflight.backend_models import INPUT, NVIDIA, OUTPUT, edited, onnx, put, two_inputs
from tests.preflight.seeds import Cited, Seed, changed
from tests.repositories import identity_graph

REPOSITORY = f"{NVIDIA}onnxruntime_backend"
READ = "00fd3e8, 2026-06-29"
INPUTS = Cited(REPOSITORY, READ, "src/onnxruntime.cc, ValidateInputs")
OUTPUTS = Cited(REPOSITORY, READ, "src/onnxruntime.cc, ValidateOutputs")
COMPLETE = Cited(REPOSITORY, READ, "src/onnxruntime.cc, AutoCompleteMaxBatch")
SHAPES = Cited(REPOSITORY, READ, "src/onnxruntime_utils.cc, CompareDimsSupported")

PLAIN = onnx()
TWO = changed(onnx(graph=two_inputs()), INPUT, f"{INPUT} }}, {{ {INPUT.replace('INPUT', 'MORE')}")
ONE = INPUT.replace("[ 4", "[ 1, 4")
OPTIONAL = changed(
    changed(
        changed(onnx(graph=two_inputs(optional=True)), "size: 8", "size: 0"),
        INPUT,
        f"{ONE} }}, {{ optional: true {ONE.replace('INPUT', 'MORE')}",
    ),
    OUTPUT,
    OUTPUT.replace("[ 4", "[ 1, 4"),
)

SEEDS: list[Seed] = [
    edited("a renamed input", INPUTS, "TU214", "input[0].name", PLAIN, '"INPUT"', '"INPT"', "'INPT'", "'INPUT'?"),
    edited("a renamed output", OUTPUTS, "TU214", "output[0].name", PLAIN, '"OUTPUT"', '"OUT"', "'OUT'", "'OUTPUT'?"),
    edited(
        "an input that is left out",
        INPUTS,
        "TU214",
        "input",
        TWO,
        f", {{ {INPUT.replace('INPUT', 'MORE')} }}",
        "",
        "'MORE'",
    ),
    edited(
        "an input too many",
        INPUTS,
        "TU214",
        "input[1].name",
        PLAIN,
        f"{{ {INPUT} }}",
        f"{{ {INPUT} }}, {{ {INPUT.replace('INPUT', 'EXTRA')} }}",
        "'EXTRA'",
    ),
    edited(
        "an optional input that the graph needs",
        INPUTS,
        "TU214",
        "input[0].optional",
        PLAIN,
        INPUT,
        f"{INPUT} optional: true",
        "'INPUT'",
    ),
    edited(
        "an initialiser that is required",
        INPUTS,
        "TU214",
        "input[1].optional",
        OPTIONAL,
        "optional: true ",
        "",
        "'MORE'",
    ),
    edited(
        "another type of input",
        INPUTS,
        "TU215",
        "input[0].data_type",
        PLAIN,
        INPUT,
        INPUT.replace("FP32", "INT8"),
        "TYPE_INT8",
        "TYPE_FP32",
    ),
    edited(
        "another type of output",
        OUTPUTS,
        "TU215",
        "output[0].data_type",
        PLAIN,
        OUTPUT,
        OUTPUT.replace("FP32", "FP64"),
        "TYPE_FP64",
        "TYPE_FP32",
    ),
    edited(
        "another size", SHAPES, "TU216", "input[0].dims", PLAIN, INPUT, INPUT.replace("4", "5"), "[ -1, 5 ]", "[ 4 ]"
    ),
    edited(
        "another rank",
        SHAPES,
        "TU216",
        "output[0].dims",
        PLAIN,
        OUTPUT,
        OUTPUT.replace("[ 4 ]", "[ 2, 2 ]"),
        "[ -1, 2, 2 ]",
    ),
    edited(
        "any size where one is fixed",
        SHAPES,
        "TU216",
        "input[0].dims",
        PLAIN,
        INPUT,
        INPUT.replace("4", "-1"),
        "[ -1, -1 ]",
        "[ -1, 4 ]",
    ),
    edited(
        "a batch written out",
        SHAPES,
        "TU216",
        "input[0].dims",
        PLAIN,
        INPUT,
        INPUT.replace("[ 4 ]", "[ -1, 4 ]"),
        "[ -1, -1, 4 ]",
    ),
    edited(
        "no batch in the config", SHAPES, "TU216", "input[0].dims", PLAIN, "size: 8", "size: 0", "[ 4 ]", "[ -1, 4 ]"
    ),
    put(
        "no batch in the graph",
        COMPLETE,
        "TU216",
        "input[0].dims",
        PLAIN,
        {"subject/1/model.onnx": identity_graph((1, 4)).SerializeToString()},
        "max_batch_size 8",
    ),
    edited(
        "a reshape to another shape",
        SHAPES,
        "TU216",
        "input[0].reshape.shape",
        changed(PLAIN, INPUT, INPUT.replace("[ 4 ]", "[ 2, 2 ] reshape { shape: [ 4 ] }")),
        "shape: [ 4 ]",
        "shape: [ 4, 1 ]",
        "[ -1, 4, 1 ]",
    ),
    edited(
        "a ragged input of two dimensions",
        INPUTS,
        "TU216",
        "allow_ragged_batch",
        PLAIN,
        INPUT,
        f"{INPUT} allow_ragged_batch: true",
        "[ -1, 4 ]",
    ),
    edited(
        "an optional ragged input",
        INPUTS,
        "TU252",
        "allow_ragged_batch",
        OPTIONAL,
        "optional: true",
        "optional: true allow_ragged_batch: true",
        "'MORE'",
    ),
]

HEALTHY = {
    "two inputs": TWO,
    "an optional initialiser": OPTIONAL,
}
