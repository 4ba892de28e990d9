"""Inputs, outputs and batch tensors: ValidateModelIOConfig (core, src/model_config_utils.cc)."""

from __future__ import annotations

from tests.preflight.backend_models import edited, pytorch
from tests.preflight.core_models import plain, python, seed
from tests.preflight.seeds import Cited, Core, Ours, Seed, changed

IN = 'name: "INPUT" data_type: TYPE_FP32 dims: [ 4 ]'
OUT = 'name: "OUTPUT" data_type: TYPE_FP32 dims: [ 4 ]'
LABELS = f'{OUT} label_filename: "labels.txt"'
LABELLED = {**changed(python(), OUT, LABELS), "subject/labels.txt": b"a\nb\nc\nd\n"}
RAGGED = (
    'batch_input [ { kind: BATCH_ELEMENT_COUNT target_name: "COUNT" data_type: TYPE_FP32 source_input: "INPUT" } ]\n'
)
SCATTER = 'batch_output [ { kind: BATCH_SCATTER_WITH_INPUT_SHAPE target_name: "OUTPUT" source_input: "INPUT" } ]\n'


def both(name: str, old: str, new: str, *words: str, field: str = "") -> list[Seed]:
    """The same fault in the input and in the output."""
    return [
        plain(f"{name} of an input", "TU217", f"input[0]{field}", IN, IN.replace(old, new), *words),
        plain(f"{name} of an output", "TU217", f"output[0]{field}", OUT, OUT.replace(old, new), *words),
    ]


def reshaped(name: str, dims: str, right: str, wrong: str, *words: str, field: str = ".reshape") -> Seed:
    old = IN.replace("[ 4 ]", f"{dims} reshape {{ shape: {right} }}")
    healthy = changed(python(), IN, old)
    return Seed(
        name=name,
        judge=plain("", "", "", "max", "max").judge,
        rule="TU217",
        at=f"input[0]{field}",
        words=words,
        healthy=healthy,
        faulty=changed(healthy, f"shape: {right}", f"shape: {wrong}"),
    )


TENSORS: list[Seed] = [
    *both("no name", 'name: "INPUT" ', "", "no name")[:1],
    *both("no name", 'name: "OUTPUT" ', "", "no name")[1:],
    *both("no type", "data_type: TYPE_FP32 ", "", "no data_type"),
    *both("no dims", "dims: [ 4 ]", "", "no dims"),
    *both("a size of zero", "[ 4 ]", "[ 0 ]", "dimension 0", field=".dims"),
    *both("a size below any", "[ 4 ]", "[ -2 ]", "dimension -2", field=".dims"),
    *both("a shape tensor", "dims", "is_shape_tensor: true dims", "TensorRT", field=".is_shape_tensor"),
    *both(
        "a non-linear format",
        "dims",
        "is_non_linear_format_io: true dims",
        "TensorRT",
        field=".is_non_linear_format_io",
    ),
    plain("an image of one dimension", "TU217", "input[0].format", IN, f"{IN} format: FORMAT_NHWC", "FORMAT_NHWC"),
    reshaped("a reshape of another size", "[ 4 ]", "[ 2, 2 ]", "[ 2, 3 ]", "[4]", "[2, 3]"),
    reshaped("a reshape to zero", "[ 4 ]", "[ 2, 2 ]", "[ 0 ]", "dimension 0", field=".reshape.shape"),
    reshaped("a reshape with another any", "[ -1, 4 ]", "[ -1, 2, 2 ]", "[ -1, -1 ]", "[-1, -1]"),
    reshaped("a reshape across any", "[ 2, -1, 3 ]", "[ 2, -1, 3, 1 ]", "[ 3, -1, 2 ]", "[3, -1, 2]"),
    reshaped("a reshape of any to a size", "[ -1 ]", "[ -1 ]", "[ 4 ]", "[4]"),
    Seed(
        name="a scalar without a batch",
        judge=plain("", "", "", "max", "max").judge,
        rule="TU217",
        at="input[0].reshape",
        words=("scalar",),
        healthy=changed(python(), IN, IN.replace("[ 4 ]", "[ 1 ] reshape { shape: [ ] }")),
        faulty=changed(
            changed(python(), IN, IN.replace("[ 4 ]", "[ 1 ] reshape { shape: [ ] }")), "size: 8", "size: 0"
        ),
    ),
    edited(
        "a script's input without a type",
        Core(),
        "TU217",
        "input[0]",
        pytorch(),
        IN,
        IN.replace("data_type: TYPE_FP32 ", ""),
        "no data_type",
    ),
    plain(
        "two inputs of one name",
        "TU217",
        "input",
        f"[ {{ {IN} }} ]",
        f"[ {{ {IN} }}, {{ {IN} }} ]",
        "'INPUT'",
        judge=Ours("it loads, and then no request has as many inputs as it wants"),
    ),
    seed(
        "labels for one output twice",
        "TU217",
        "output",
        LABELLED,
        changed(LABELLED, f"{{ {LABELS} }}", f"{{ {LABELS} }}, {{ {LABELS} }}"),
        "'OUTPUT'",
    ),
    plain(
        "two outputs of one name and two types",
        "TU217",
        "output",
        f"[ {{ {OUT} }} ]",
        f"[ {{ {OUT} }}, {{ {OUT.replace('FP32', 'INT32')} }} ]",
        "'OUTPUT'",
        judge=Ours("it loads, and answers what only one of the two says"),
    ),
    plain(
        "a size beyond counting",
        "TU217",
        "input[0].dims",
        "[ 4 ] } ]\nout",
        "[ 9223372036854775807, 9223372036854775807 ] } ]\nout",
        "9223372036854775807",
        judge=Cited("core", "73aad7c, 2026-06-09", "src/model_config_utils.h, GetElementCount: element count exceeds"),
    ),
]

BATCH_TENSORS: list[Seed] = [
    plain(
        "a batch input of nothing",
        "TU228",
        "batch_input[0]",
        'source_input: "INPUT"',
        'source_input: "INPT"',
        "'INPT'",
        "Did you mean 'INPUT'?",
        more=RAGGED,
    ),
    plain(
        "a batch input of two",
        "TU228",
        "batch_input[0]",
        'source_input: "INPUT"',
        'source_input: "INPUT" source_input: "INPUT"',
        "2 source inputs",
        more=RAGGED,
    ),
    plain(
        "a batch input without a source",
        "TU228",
        "batch_input[0]",
        'source_input: "INPUT"',
        "",
        "0 source inputs",
        more=RAGGED,
    ),
    plain(
        "a batch input of whole numbers of 64 bits",
        "TU228",
        "batch_input[0]",
        "TYPE_FP32 source",
        "TYPE_INT64 source",
        "TYPE_INT64",
        more=RAGGED,
    ),
    plain(
        "a batch input without a type",
        "TU228",
        "batch_input[0]",
        "data_type: TYPE_FP32 source",
        "source",
        "TYPE_INVALID",
        more=RAGGED,
    ),
    plain(
        "a batch output for nothing",
        "TU228",
        "batch_output[0]",
        'target_name: "OUTPUT"',
        'target_name: "OUT"',
        "'OUT'",
        "Did you mean 'OUTPUT'?",
        more=SCATTER,
    ),
    plain(
        "a batch output for one twice",
        "TU228",
        "batch_output[0]",
        'target_name: "OUTPUT"',
        'target_name: "OUTPUT" target_name: "OUTPUT"',
        "twice",
        more=SCATTER,
    ),
    plain(
        "a batch output of nothing",
        "TU228",
        "batch_output[0]",
        'source_input: "INPUT"',
        'source_input: "INPT"',
        "'INPT'",
        more=SCATTER,
    ),
    plain(
        "a batch output without a source",
        "TU228",
        "batch_output[0]",
        'source_input: "INPUT"',
        "",
        "0 source inputs",
        more=SCATTER,
    ),
]

SEEDS = [*TENSORS, *BATCH_TENSORS]

HEALTHY = {
    "an image": changed(python(), IN, IN.replace("[ 4 ]", "[ 3, 8, 8 ] format: FORMAT_NCHW")),
    "an optional input": changed(python(), IN, f"{IN} optional: true"),
    "ragged": changed(python(more=RAGGED), IN, IN.replace("[ 4 ]", "[ -1 ] allow_ragged_batch: true")),
    "strings": changed(python(), IN, IN.replace("TYPE_FP32", "TYPE_STRING")),
    "half": changed(python(), IN, IN.replace("TYPE_FP32", "TYPE_BF16")),
    "an output that is written down twice": changed(python(), f"{{ {OUT} }}", f"{{ {OUT} }}, {{ {OUT} }}"),
    "no inputs": changed(python(), f"input [ {{ {IN} }} ]\n", ""),
    "two batch outputs for one output": python(more=SCATTER + SCATTER),
}
