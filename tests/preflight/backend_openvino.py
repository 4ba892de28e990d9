"""OpenVINO's networks: its backend's source decides."""

from __future__ import annotations

from tests.preflight.backend_models import CPU, IR, NVIDIA, edited, openvino, option, parameters, put, typed
from tests.preflight.seeds import Cited, Seed, without

OV = Cited(f"{NVIDIA}openvino_backend", "db19304, 2026-08-21", "src/openvino.cc, ValidateInputs and ValidateOutputs")
OV_KIND = Cited(f"{NVIDIA}openvino_backend", "db19304, 2026-08-21", "src/openvino.cc, ModelInstanceState")
OV_OPTIONS = Cited(f"{NVIDIA}openvino_backend", "db19304, 2026-08-21", "src/openvino.cc, ParseParameterHelper")
OV_READ = Cited(f"{NVIDIA}openvino_backend", "db19304, 2026-08-21", "src/openvino.cc, ReadModel: ov::Core::read_model")

SEEDS: list[Seed] = [
    typed("a network of strings", OV, openvino(), "TYPE_STRING"),
    typed("a network of doubles", OV, openvino(), "TYPE_FP64"),
    edited("a network on a GPU", OV_KIND, "TU252", "kind", openvino(CPU), "KIND_CPU", "KIND_GPU", "KIND_GPU"),
    edited("a network where it likes", OV_KIND, "TU252", "kind", openvino(CPU), "KIND_CPU", "KIND_MODEL", "KIND_MODEL"),
    option(OV_OPTIONS, openvino, "INFERENCE_NUM_THREADS", "4", "-1", "0 or more"),
    option(OV_OPTIONS, openvino, "COMPILATION_NUM_THREADS", "4", "all"),
    option(OV_OPTIONS, openvino, "HINT_BF16", "yes", "no", "YES"),
    option(OV_OPTIONS, openvino, "NUM_STREAMS", "auto", "many", "AUTO"),
    option(OV_OPTIONS, openvino, "PERFORMANCE_HINT", "latency", "lateny", "'LATENCY'?"),
    put(
        "a network that is no XML",
        OV_READ,
        "TU253",
        "1/model.xml",
        openvino(),
        {"subject/1/model.xml": b"PK\x03\x04"},
        "no OpenVINO graph",
    ),
    Seed(
        name="a network without weights",
        judge=OV_READ,
        rule="TU253",
        at="1/model.bin",
        words=("'model.bin'",),
        healthy=openvino(),
        faulty=without(openvino(), "subject/1/model.bin"),
    ),
    Seed(
        name="no network",
        judge=OV_READ,
        rule="TU210",
        at="1/model.xml",
        words=("missing",),
        healthy=openvino(),
        faulty=without(openvino(), "subject/1/model.xml"),
    ),
]

HEALTHY = {
    "a network": openvino(),
    "a network from ONNX": {
        **without(openvino('default_model_filename: "model.onnx"\n'), "subject/1"),
        "subject/1/model.onnx": b"\x08\x08",
    },
    "a network's threads": openvino(parameters(INFERENCE_NUM_THREADS="8", NUM_STREAMS="2", PERFORMANCE_HINT="LATENCY")),
    "XML with a mark before it": {**openvino(), "subject/1/model.xml": b"\xef\xbb\xbf" + IR},
}
