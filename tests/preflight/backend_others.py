"""TensorRT, PyTorch, OpenVINO, Python, forests, DALI and language models: their sources decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.preflight.backend_models import (
    INPUT,
    IR,
    OUTPUT,
    PLAN,
    SCRIPT,
    archive,
    dali,
    edited,
    fil,
    openvino,
    parameters,
    put,
    pytorch,
    tensorrt,
    tensorrtllm,
    vllm,
)
from tests.preflight.core_models import CODE, python
from tests.preflight.seeds import Cited, Files, Seed, changed, moved, without
from tests.repositories import identity_graph

NVIDIA = "triton-inference-server/"
TRT = Cited(f"{NVIDIA}tensorrt_backend", "e2ef6d7, 2026-07-17", "src/instance_state.cc, ModelInstanceState")
TRT_OPTIONS = Cited(f"{NVIDIA}tensorrt_backend", "e2ef6d7, 2026-07-17", "src/model_state.cc, ParseParameters")
TRT_TYPES = Cited(f"{NVIDIA}tensorrt_backend", "e2ef6d7, 2026-07-17", "src/tensorrt_utils.cc, ConvertTrtTypeTo…")
TRT_PLAN = Cited("pytorch/TensorRT", "main", 'py/torch_tensorrt/dynamo/runtime: a plan begins with b"ftrt"')
TORCH = Cited(f"{NVIDIA}pytorch_backend", "266fd38, 2026-05-13", "src/pt/model_instance_state.cc, ValidateInputs")
TORCH_OUT = Cited(f"{NVIDIA}pytorch_backend", "266fd38, 2026-05-13", "src/pt/model_instance_state.cc, ValidateOutputs")
TORCH_NAMES = Cited(f"{NVIDIA}pytorch_backend", "266fd38, 2026-05-13", "src/pt/model_instance_state.cc, GetNaming…")
TORCH_OPTIONS = Cited(f"{NVIDIA}pytorch_backend", "266fd38, 2026-05-13", "src/pt/model_state.cc, ParseParameters")
TORCH_LOAD = Cited(
    f"{NVIDIA}pytorch_backend", "266fd38, 2026-05-13", "src/pt/model_state.cc, LoadModel: torch::jit::load"
)
OV = Cited(f"{NVIDIA}openvino_backend", "db19304, 2026-08-21", "src/openvino.cc, ValidateInputs and ValidateOutputs")
OV_KIND = Cited(f"{NVIDIA}openvino_backend", "db19304, 2026-08-21", "src/openvino.cc, ModelInstanceState")
OV_OPTIONS = Cited(f"{NVIDIA}openvino_backend", "db19304, 2026-08-21", "src/openvino.cc, ParseParameterHelper")
OV_READ = Cited(f"{NVIDIA}openvino_backend", "db19304, 2026-08-21", "src/openvino.cc, ReadModel: ov::Core::read_model")
PY = Cited(f"{NVIDIA}python_backend", "f9088ff, 2026-07-17", "src/pb_stub.cc, Initialize and RunCommand")
PY_OPTIONS = Cited(f"{NVIDIA}python_backend", "f9088ff, 2026-07-17", "src/python_be.cc, ModelState")
FIL = Cited(f"{NVIDIA}fil_backend", "d71f8ef, 2026-06-12", "src/shared_state.h, RapidsSharedState::load")
FIL_DOCS = Cited(f"{NVIDIA}fil_backend", "d71f8ef, 2026-06-12", "docs/model_config.md, Inputs and Outputs")
FIL_FILE = Cited(f"{NVIDIA}fil_backend", "d71f8ef, 2026-06-12", "src/model.h, model_file")
DALI = Cited(f"{NVIDIA}dali_backend", "01783f8, 2026-06-30", "src/dali_model.h, LoadModel")
VLLM = Cited(f"{NVIDIA}vllm_backend", "8de0c14, 2026-01-09", "src/model.py, _init_engine_args")
VLLM_GPUS = Cited(f"{NVIDIA}vllm_backend", "8de0c14, 2026-01-09", "src/model.py, _validate_device_config")
LLM = Cited("NVIDIA/TensorRT-LLM", "c8c6df0", "triton_backend/inflight_batcher_llm/src/model_instance_state.cc")
DEPLOY = Cited(f"{NVIDIA}server", "r26.06", "docs/customization_guide/deploy.md, Secure Deployment Considerations")
COMPLETE = Cited(f"{NVIDIA}core", "73aad7c, 2026-06-09", "src/model_config_utils.cc, ValidateModelConfig: platform")

CPU = "instance_group { kind: KIND_CPU }\n"
GPU = "instance_group { kind: KIND_GPU }\n"
NUMBERED = 'state { input_name: "S__1" output_name: "S__1" data_type: TYPE_FP32 dims: 1 }'
STATEFUL = changed(
    changed(pytorch(f"sequence_batching {{ {NUMBERED} }}\n"), '"INPUT"', '"INPUT__0"'), '"OUTPUT"', '"OUTPUT__0"'
)
CONTROLLED = pytorch(
    'sequence_batching { control_input { name: "START__1"'
    " control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } } }\n"
)
SPLIT = vllm("instance_group { kind: KIND_MODEL }\n", tensor_parallel_size=2)


def typed(name: str, judge: Cited, files: dict[str, bytes], kind: str) -> Seed:
    """A type that the backend does not take."""
    return edited(name, judge, "TU252", "input[0].data_type", files, INPUT, INPUT.replace("TYPE_FP32", kind), kind)


def option(judge: Cited, make: Callable[[str], Files], name: str, right: str, wrong: str, *words: str) -> Seed:
    return edited(
        f"{judge.project.removeprefix(NVIDIA)}'s {name} of {wrong!r}", judge, "TU251", f'["{name}"]',
        make(parameters(**{name: right})), f'"{right}"', f'"{wrong}"', repr(wrong), *words,
    )  # fmt: skip


TENSORRT: list[Seed] = [
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
    edited(
        "a profile that is no number",
        TRT,
        "TU223",
        "profile",
        tensorrt('instance_group { profile: [ "0" ] }\n'),
        '"0"',
        '"max"',
        "'max'",
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

PYTORCH: list[Seed] = [
    edited("a script without inputs", TORCH, "TU252", "input", pytorch(), f"input [ {{ {INPUT} }} ]\n", "", "no input"),
    edited(
        "a script without outputs",
        TORCH_OUT,
        "TU252",
        "output",
        pytorch(),
        f"output [ {{ {OUTPUT} }} ]\n",
        "",
        "no output",
    ),
    typed("a script of unsigned numbers", TORCH, pytorch(), "TYPE_UINT32"),
    typed("a script of bfloat16", TORCH, pytorch(), "TYPE_BF16"),
    edited(
        "a batch of lists of strings",
        TORCH,
        "TU252",
        "input[0].dims",
        pytorch(),
        INPUT,
        INPUT.replace("FP32", "STRING"),
        "[4]",
    ),
    edited(
        "a state without its index",
        TORCH_NAMES,
        "TU252",
        "state[0].input_name",
        STATEFUL,
        'input_name: "S__1"',
        'input_name: "S"',
        "'S'",
        "<name>__<index>",
    ),
    edited(
        "a stateful script's input without its index",
        TORCH_NAMES,
        "TU252",
        "input[0].name",
        STATEFUL,
        '"INPUT__0"',
        '"INPUT"',
        "'INPUT'",
    ),
    edited(
        "a script's control without its index",
        TORCH_NAMES,
        "TU252",
        "control_input[0].name",
        CONTROLLED,
        '"START__1"',
        '"START"',
        "'START'",
    ),
    edited(
        "a script without types",
        COMPLETE,
        "TU217",
        "input[0]",
        pytorch(),
        INPUT,
        INPUT.replace("data_type: TYPE_FP32 ", ""),
        "no data_type",
    ),
    option(TORCH_OPTIONS, pytorch, "INFERENCE_MODE", "true", "yes", "true"),
    option(TORCH_OPTIONS, pytorch, "DISABLE_OPTIMIZED_EXECUTION", "false", "never"),
    put(
        "weights without code",
        TORCH_LOAD,
        "TU253",
        "1/model.pt",
        pytorch(),
        {"subject/1/model.pt": archive("data.pkl", "version", "data/0")},
        "torch.save",
        "torch.jit",
    ),
    put(
        "a script that is cut off",
        TORCH_LOAD,
        "TU253",
        "1/model.pt",
        pytorch(),
        {"subject/1/model.pt": SCRIPT[:40]},
        "cut off",
    ),
    put(
        "a pickle instead of a script",
        TORCH_LOAD,
        "TU253",
        "1/model.pt",
        pytorch(),
        {"subject/1/model.pt": b"\x80\x02\x8a\nl\xfc"},
        "no PyTorch archive",
    ),
    Seed(
        name="a script of another name",
        judge=TORCH_LOAD,
        rule="TU210",
        at="1/model.pt",
        words=('"net.pt"',),
        healthy=pytorch(),
        faulty=moved(pytorch(), "subject/1/model.pt", "subject/1/net.pt"),
    ),
    replace(
        put(
            "a script that Python runs",
            DEPLOY,
            "TU250",
            "backend",
            pytorch(),
            {**pytorch('runtime: "model.py"\n'), "subject/1/model.py": b"class Model: ...\n"},
            "model.py",
        ),
        code=(),
    ),
]

OPENVINO: list[Seed] = [
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

PYTHON: list[Seed] = [
    put(
        "a class of another name",
        PY,
        "TU253",
        "1/model.py",
        python(),
        {"subject/1/model.py": b"class Model:\n    pass\n"},
        "'TritonPythonModel'",
    ),
    put(
        "a class that does nothing",
        PY,
        "TU253",
        "1/model.py",
        python(),
        {"subject/1/model.py": b"class TritonPythonModel:\n    def initialize(self, args):\n        pass\n"},
        "'execute'",
    ),
    put(
        "code that is no Python",
        PY,
        "TU253",
        "1/model.py",
        python(),
        {"subject/1/model.py": CODE + b"\nbatch = [1, 2\n"},
        "never closed",
    ),
    Seed(
        name="no code",
        judge=PY,
        rule="TU210",
        at="1/model.py",
        words=("missing",),
        healthy=python(),
        faulty={**without(python(), "subject/1/model.py"), "subject/1/notes": b"x"},
    ),
    edited(
        "where tensors lie",
        PY_OPTIONS,
        "TU251",
        '["FORCE_CPU_ONLY_INPUT_TENSORS"]',
        python(more=parameters(FORCE_CPU_ONLY_INPUT_TENSORS="no")),
        '"no"',
        '"false"',
        "'false'",
        "yes, no",
    ),
    replace(
        put("code that nobody allowed", DEPLOY, "TU250", "backend", {}, python(), "'subject'", "model.py"), code=()
    ),
]

FORESTS: list[Seed] = [
    edited("a forest of unknown kind", FIL, "TU251", '["model_type"]', fil(), '"xgboost"', '"xgbost"', "'xgboost'?"),
    edited(
        "a forest that may classify",
        FIL,
        "TU252",
        "parameters",
        fil(),
        '"is_classifier"',
        '"classifier"',
        "is_classifier",
    ),
    edited(
        "a classifier without a threshold", FIL, "TU252", "parameters", fil(), '"threshold"', '"limit"', "threshold"
    ),
    edited("a threshold that is no number", FIL, "TU251", '["threshold"]', fil(), '"0.5"', '"half"', "'half'"),
    edited(
        "a forest's input of another name",
        FIL_DOCS,
        "TU252",
        "input[0].name",
        fil(),
        '"input__0"',
        '"INPUT"',
        "'input__0'",
    ),
    edited(
        "a forest's output of another name",
        FIL_DOCS,
        "TU252",
        "output[0].name",
        fil(),
        '"output__0"',
        '"OUTPUT"',
        "'output__0'",
    ),
    edited(
        "a forest of doubles",
        FIL_DOCS,
        "TU252",
        "input[0].data_type",
        fil(),
        '"input__0" data_type: TYPE_FP32',
        '"input__0" data_type: TYPE_FP64',
        "TYPE_FP64",
    ),
    Seed(
        name="a forest's file of another kind",
        judge=FIL_FILE,
        rule="TU253",
        at="1/xgboost.model",
        words=("xgboost_json",),
        healthy=fil(),
        faulty=moved(fil(), "subject/1/xgboost.model", "subject/1/xgboost.json"),
    ),
]

PIPELINES: list[Seed] = [
    Seed(
        name="no pipeline",
        judge=DALI,
        rule="TU253",
        at="1/model.dali",
        words=("dali.py",),
        healthy=dali({"model.dali": b"serialised"}),
        faulty=dali({"pipeline.dali": b"serialised"}),
    ),
    Seed(
        name="a pipeline of Python that nobody allowed",
        judge=DEPLOY,
        rule="TU250",
        at="backend",
        words=("dali.py",),
        healthy=dali({"model.dali": b"serialised"}),
        faulty=dali({"dali.py": b"import nvidia.dali\n"}),
        code=(),
    ),
]

LANGUAGE: list[Seed] = [
    Seed(
        name="an engine without arguments",
        judge=VLLM,
        rule="TU253",
        at="1/model.json",
        words=("missing",),
        healthy=vllm(),
        faulty={**without(vllm(), "subject/1/model.json"), "subject/1/readme": b"x"},
    ),
    put(
        "arguments that are no JSON",
        VLLM,
        "TU253",
        "1/model.json",
        vllm(),
        {"subject/1/model.json": b"{'model': 1}"},
        "JSON object",
    ),
    put("arguments that are a list", VLLM, "TU253", "1/model.json", vllm(), {"subject/1/model.json": b"[]"}, "list"),
    edited(
        "an engine that answers once",
        VLLM,
        "TU252",
        "decoupled",
        vllm("model_transaction_policy { decoupled: true }\n"),
        "true",
        "false",
        "decoupled",
    ),
    edited(
        "an engine of two GPUs in a group of one",
        VLLM_GPUS,
        "TU252",
        "kind",
        SPLIT,
        "KIND_MODEL",
        "KIND_GPU",
        "2 GPUs",
        "KIND_MODEL",
    ),
    edited(
        "an engine of two GPUs in no group",
        VLLM_GPUS,
        "TU252",
        "config.pbtxt",
        SPLIT,
        "instance_group { kind: KIND_MODEL }\n",
        "",
        "2 GPUs",
    ),
    replace(
        put(
            "an engine that trusts its weights' code",
            DEPLOY,
            "TU250",
            "backend",
            vllm(),
            vllm(trust_remote_code=True),
            "trust_remote_code",
        ),
        code=(),
    ),
    edited(
        "batching that TensorRT-LLM has not",
        LLM,
        "TU251",
        '["gpt_model_type"]',
        tensorrtllm(),
        '"inflight_fused_batching"',
        '"inflight"',
        "'inflight'",
    ),
    edited(
        "no batching for TensorRT-LLM",
        LLM,
        "TU252",
        "parameters",
        tensorrtllm(),
        '"gpt_model_type"',
        '"model_type"',
        "gpt_model_type",
    ),
    edited(
        "no engine for TensorRT-LLM",
        LLM,
        "TU252",
        "parameters",
        tensorrtllm(),
        '"gpt_model_path"',
        '"model_path"',
        "gpt_model_path",
    ),
    edited(
        "a template that nobody filled",
        LLM,
        "TU251",
        '["gpt_model_path"]',
        tensorrtllm(),
        '"/engines/subject"',
        '"${engine_dir}"',
        "'${engine_dir}'",
    ),
]

SEEDS: list[Seed] = [*TENSORRT, *PYTORCH, *OPENVINO, *PYTHON, *FORESTS, *PIPELINES, *LANGUAGE]

HEALTHY = {
    "an engine": tensorrt(),
    "an engine on all GPUs": tensorrt(GPU),
    "a script on a CPU": pytorch(CPU),
    "a script of one string": changed(changed(pytorch(), INPUT, INPUT.replace("FP32", "STRING")), "size: 8", "size: 0"),
    "a script for Inductor": {
        "subject/config.pbtxt": pytorch()["subject/config.pbtxt"] + b'platform: "torch_aoti"\n',
        "subject/1/model.pt2": archive("data/aotinductor/model.so"),
    },
    "a network": openvino(),
    "a network from ONNX": {
        **without(openvino('default_model_filename: "model.onnx"\n'), "subject/1"),
        "subject/1/model.onnx": b"\x08\x08",
    },
    "a network's threads": openvino(parameters(INFERENCE_NUM_THREADS="8", NUM_STREAMS="2", PERFORMANCE_HINT="LATENCY")),
    "a forest": fil(),
    "a forest of JSON": fil(parameters(model_type="xgboost_json", is_classifier="false"), name="xgboost.json"),
    "an old forest's parameter": fil(parameters(model_type="lightgbm", output_class="false"), name="model.txt"),
    "a pipeline of Python": dali({"dali.py": b"import nvidia.dali\n"}),
    "a language model": vllm(),
    "a language model on two GPUs": SPLIT,
    "a compiled language model": tensorrtllm(),
    "code that is imported": {**python(), "subject/1/model.py": b"from mine import TritonPythonModel\n"},
    "code that inherits": {
        **python(),
        "subject/1/model.py": b"from mine import Base\n\n\nclass TritonPythonModel(Base):\n    pass\n",
    },
    "a model of Python that states nothing": {
        **python(config='backend: "python"\n'),
        "subject/1/model.py": CODE
        + b"\n    @staticmethod\n    def auto_complete_config(config):\n        return config\n",
    },
    "XML with a mark before it": {**openvino(), "subject/1/model.xml": b"\xef\xbb\xbf" + IR},
}
