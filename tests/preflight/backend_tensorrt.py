"""TensorRT's engines: its backend's source decides, for it needs a GPU."""

from __future__ import annotations

from tests.preflight.backend_models import GPU, NVIDIA, PLAN, edited, option, parameters, put, tensorrt, typed
from tests.preflight.seeds import Cited, Seed, moved
from tests.repositories import identity_graph

TRT = Cited(f"{NVIDIA}tensorrt_backend", "e2ef6d7, 2026-07-17", "src/instance_state.cc, ModelInstanceState")
TRT_OPTIONS = Cited(f"{NVIDIA}tensorrt_backend", "e2ef6d7, 2026-07-17", "src/model_state.cc, ParseParameters")
TRT_TYPES = Cited(f"{NVIDIA}tensorrt_backend", "e2ef6d7, 2026-07-17", "src/tensorrt_utils.cc, ConvertTrtTypeTo…")
TRT_PLAN = Cited("pytorch/TensorRT", "main", 'py/torch_tensorrt/dynamo/runtime: a plan begins with b"ftrt"')

SEEDS: list[Seed] = [
    edited("an engine on a CPU", TRT, "TU223", "kind", tensorrt(GPU), "KIND_GPU", "KIND_CPU", "CPU"),
    edited(
        "an engine without a GPU of its own",
        TRT,
        "TU252",
        "kind",
        tensorrt(GPU),
        "KIND_GPU",
        "KIND_MODEL",
        "KIND_MODEL",
    ),
    option(TRT_OPTIONS, tensorrt, "execution_context_allocation_strategy", "STATIC", "DYNAMIC", "ON_PROFILE_CHANGE"),
    typed("an engine of strings", TRT_TYPES, tensorrt(), "TYPE_STRING"),
    typed("an engine of doubles", TRT_TYPES, tensorrt(), "TYPE_FP64"),
    put(
        "a plan that is ONNX",
        TRT_PLAN,
        "TU253",
        "1/model.plan",
        tensorrt(),
        {"subject/1/model.plan": b"\x08\x08\x12\x07pytorch"},
        "no TensorRT plan",
    ),
    put(
        "a plan behind a description",
        TRT_PLAN,
        "TU253",
        "1/model.plan",
        tensorrt(),
        {"subject/1/model.plan": b"\x02\x00\x00\x00{}" + PLAN},
        "another tool",
    ),
    put("a plan of nothing", TRT_PLAN, "TU253", "1/model.plan", tensorrt(), {"subject/1/model.plan": b""}, "empty"),
    put(
        "a pointer instead of a plan",
        TRT_PLAN,
        "TU253",
        "1/model.plan",
        tensorrt(),
        {"subject/1/model.plan": b"version https://git-lfs.github.com/spec/v1"},
        "git lfs pull",
    ),
    Seed(
        name="a plan of another name",
        judge=TRT,
        rule="TU210",
        at="1/model.plan",
        words=('"fast.plan"',),
        healthy=tensorrt(),
        faulty=moved(tensorrt(), "subject/1/model.plan", "subject/1/fast.plan"),
    ),
    edited(
        "a planned precision that is none",
        TRT,
        "TU211",
        'precision"]',
        {
            **tensorrt(
                parameters(**{"tritonup.engine.source": "source/1/model.onnx", "tritonup.engine.precision": "fp16"})
            ),
            "source/config.pbtxt": b'backend: "onnxruntime"',
            "source/1/model.onnx": identity_graph().SerializeToString(),
        },
        '"fp16"',
        '"fp15"',
        "'fp15'",
    ),
]

HEALTHY = {
    "an engine": tensorrt(),
    "an engine on all GPUs": tensorrt(GPU),
}
