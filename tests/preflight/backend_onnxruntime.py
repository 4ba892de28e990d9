"""ONNX Runtime's backend: its source decides, for the CPU server's is a stand-in of ours."""

from __future__ import annotations

from dataclasses import replace

from onnx import TensorProto

from tests.preflight.backend_models import INPUT, OUTPUT, edited, onnx, parameters, put, two_inputs
from tests.preflight.core_models import python
from tests.preflight.seeds import Cited, Seed, changed, without
from tests.repositories import identity_graph

READ = "00fd3e8, 2026-06-29"


def of(function: str) -> Cited:
    return Cited("triton-inference-server/onnxruntime_backend", READ, f"src/onnxruntime.cc, {function}")


INPUTS, OUTPUTS, LOAD = of("ValidateInputs"), of("ValidateOutputs"), of("LoadModel")
SHAPES = Cited("triton-inference-server/onnxruntime_backend", READ, "src/onnxruntime_utils.cc, CompareDimsSupported")
COMPLETE = of("AutoCompleteMaxBatch")
OPTIONS = of("ModelState::ModelState")
WARMUP = of("ProcessRequests: max allowed is")
RUNTIME = Cited(
    "microsoft/onnxruntime", "1.19.2", "core/graph/model_load_utils.h, ValidateOpsetForDomain; model.cc, Model"
)
EXTERNAL = Cited("onnx/onnx", "CVE-2026-27489, -34446, -34447", "external data stays in the model's own folder")

PLAIN = onnx()
TRT = (
    'optimization { execution_accelerators { gpu_execution_accelerator { name: "tensorrt"'
    ' parameters { key: "precision_mode" value: "FP16" } } } }\n'
)
CUDA = TRT.replace('"tensorrt"', '"cuda"').replace("precision_mode", "do_copy_in_default_stream").replace("FP16", "1")
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
WARM = (
    'model_warmup { name: "w" batch_size: 8 inputs { key: "INPUT"'
    " value { data_type: TYPE_FP32 dims: [ 4 ] zero_data: true } } }\n"
)


def kept(location: str, length: int = 16) -> bytes:
    """A graph that keeps a tensor in another file."""
    graph = identity_graph()
    tensor = graph.graph.initializer.add(name="weights", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in (("location", location), ("length", str(length))):
        tensor.external_data.add(key=key, value=text)
    return graph.SerializeToString()


BESIDE = {**PLAIN, "subject/1/model.onnx": kept("weights.bin"), "subject/1/weights.bin": bytes(16)}


def option(name: str, right: str, wrong: str, *words: str) -> Seed:
    return edited(
        f"ONNX Runtime's {name}",
        OPTIONS,
        "TU251",
        f'["{name}"]',
        onnx(parameters(**{name: right})),
        f'"{right}"',
        f'"{wrong}"',
        repr(wrong),
        *words,
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
    edited(
        "an accelerator of another name",
        LOAD,
        "TU228",
        "[0].name",
        onnx(TRT),
        '"tensorrt"',
        '"tensort"',
        "'tensort'",
        "'tensorrt'?",
    ),
    edited(
        "an accelerator's unknown parameter",
        LOAD,
        "TU251",
        '["precision"]',
        onnx(TRT),
        '"precision_mode"',
        '"precision"',
        "'precision'",
        "'precision_mode'?",
    ),
    edited(
        "an accelerator's unknown precision",
        LOAD,
        "TU251",
        '["precision_mode"]',
        onnx(TRT),
        '"FP16"',
        '"FP17"',
        "'FP17'",
        "FP16",
    ),
    edited(
        "an accelerator's truth that is none",
        LOAD,
        "TU251",
        '["do_copy_in_default_stream"]',
        onnx(CUDA),
        'value: "1"',
        'value: "2"',
        "'2'",
    ),
    option("execution_mode", "1", "2", "0, 1"),
    option("intra_op_thread_count", "4", "auto", "whole number"),
    option("inter_op_thread_count", "0", "", "whole number"),
    option("enable_mem_arena", "true", "yes", "true"),
    option("enable_mem_pattern", "0", "never"),
    option("cudnn_conv_algo_search", "2", "3", "0, 1, 2"),
    option("arena_extend_strategy", "1", "kSameAsRequested", "0, 1"),
    edited(
        "a warm-up beyond the batch",
        WARMUP,
        "TU224",
        "batch_size",
        onnx(WARM),
        "batch_size: 8 in",
        "batch_size: 9 in",
        "9",
        "8",
    ),
    Seed(
        name="no ONNX file",
        judge=LOAD,
        rule="TU210",
        at="1/model.onnx",
        words=("missing",),
        healthy=PLAIN,
        faulty={**without(PLAIN, "subject/1/model.onnx"), "subject/1/readme": b""},
    ),
    put(
        "a file that is no ONNX", LOAD, "TU212", "1/model.onnx", PLAIN, {"subject/1/model.onnx": b"not a graph"}, "ONNX"
    ),
    put(
        "a pointer instead of a graph",
        LOAD,
        "TU212",
        "1/model.onnx",
        PLAIN,
        {"subject/1/model.onnx": b"version https://git-lfs.github.com/spec/v1"},
        "git lfs pull",
    ),
    put(
        "an operator set too new",
        RUNTIME,
        "TU218",
        "1/model.onnx",
        PLAIN,
        {"subject/1/model.onnx": identity_graph(opset=22).SerializeToString()},
        "22",
        "21",
    ),
    put(
        "an IR too new",
        RUNTIME,
        "TU218",
        "1/model.onnx",
        PLAIN,
        {"subject/1/model.onnx": identity_graph(ir_version=11).SerializeToString()},
        "11",
        "10",
    ),
    put(
        "external data outside",
        EXTERNAL,
        "TU213",
        "1/model.onnx",
        BESIDE,
        {"subject/1/model.onnx": kept("../../other/weights.bin")},
        "'../../other/weights.bin'",
    ),
    put(
        "external data of an absolute path",
        EXTERNAL,
        "TU213",
        "1/model.onnx",
        BESIDE,
        {"subject/1/model.onnx": kept("/etc/passwd")},
        "'/etc/passwd'",
    ),
    put(
        "external data that is missing",
        LOAD,
        "TU213",
        "1/model.onnx",
        BESIDE,
        {"subject/1/model.onnx": kept("weight.bin")},
        "'weight.bin'",
    ),
    put(
        "external data that is short",
        LOAD,
        "TU213",
        "1/model.onnx",
        BESIDE,
        {"subject/1/model.onnx": kept("weights.bin", 17)},
        "17",
        "16",
    ),
    replace(
        put(
            "a library of operators",
            Cited("triton-inference-server/server", "r26.06", "docs/customization_guide/deploy.md"),
            "TU250",
            "backend",
            PLAIN,
            {**onnx('model_operations { op_library_filename: "ops.so" }\n'), "subject/ops.so": b"library"},
            "ops.so",
        ),
        code=(),
    ),
]

HEALTHY = {
    "nothing stated": {**PLAIN, "subject/config.pbtxt": b""},
    "two inputs": TWO,
    "an optional initialiser": OPTIONAL,
    "external data beside it": BESIDE,
    "TensorRT as accelerator": onnx(TRT),
    "CUDA as accelerator": onnx(CUDA),
    "a graph of a folder": {
        **without(PLAIN, "subject/1"),
        "subject/1/model.onnx/model.onnx": PLAIN["subject/1/model.onnx"],
    },
    "ONNX in an ensemble with Python": {
        **python("other"),
        **{k.replace("subject", "helper"): v.replace(b"subject", b"helper") for k, v in PLAIN.items()},
    },
}
