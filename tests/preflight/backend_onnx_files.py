"""Files, accelerators and parameters of ONNX models: ONNX Runtime's backend decides, by its source."""

from __future__ import annotations

from dataclasses import replace

from onnx import TensorProto

from tests.preflight.backend_models import DEPLOY, NVIDIA, edited, onnx, parameters, put
from tests.preflight.core_models import ensemble, python
from tests.preflight.seeds import Cited, Seed, without
from tests.repositories import identity_graph

REPOSITORY = f"{NVIDIA}onnxruntime_backend"
READ = "00fd3e8, 2026-06-29"
LOAD = Cited(REPOSITORY, READ, "src/onnxruntime.cc, LoadModel")
OPTIONS = Cited(REPOSITORY, READ, "src/onnxruntime.cc, ModelState::ModelState")
WARMUP = Cited(REPOSITORY, READ, "src/onnxruntime.cc, ProcessRequests: max allowed is")
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


def stated(name: str, right: str, wrong: str, *words: str) -> Seed:
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
    stated("execution_mode", "1", "2", "0, 1"),
    stated("intra_op_thread_count", "4", "auto", "whole number"),
    stated("inter_op_thread_count", "0", "", "whole number"),
    stated("enable_mem_arena", "true", "yes", "true"),
    stated("enable_mem_pattern", "0", "never"),
    stated("cudnn_conv_algo_search", "2", "3", "0, 1, 2"),
    stated("arena_extend_strategy", "1", "kSameAsRequested", "0, 1"),
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
            DEPLOY,
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
    "external data beside it": BESIDE,
    "TensorRT as accelerator": onnx(TRT),
    "CUDA as accelerator": onnx(CUDA),
    "a graph of a folder": {
        **without(PLAIN, "subject/1"),
        "subject/1/model.onnx/model.onnx": PLAIN["subject/1/model.onnx"],
    },
    "ONNX in an ensemble with Python": {
        **{k.replace("subject", "helper"): v.replace(b"subject", b"helper") for k, v in PLAIN.items()},
        **python("other"),
        **ensemble(),
    },
}
