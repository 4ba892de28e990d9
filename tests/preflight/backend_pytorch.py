"""PyTorch's scripts: its backend's source decides."""

from __future__ import annotations

from dataclasses import replace

from tests.preflight.backend_models import (
    CPU,
    DEPLOY,
    INPUT,
    NVIDIA,
    OUTPUT,
    SCRIPT,
    archive,
    edited,
    option,
    put,
    pytorch,
    typed,
)
from tests.preflight.seeds import Cited, Seed, changed, moved

TORCH = Cited(f"{NVIDIA}pytorch_backend", "266fd38, 2026-05-13", "src/pt/model_instance_state.cc, ValidateInputs")
TORCH_OUT = Cited(f"{NVIDIA}pytorch_backend", "266fd38, 2026-05-13", "src/pt/model_instance_state.cc, ValidateOutputs")
TORCH_NAMES = Cited(f"{NVIDIA}pytorch_backend", "266fd38, 2026-05-13", "src/pt/model_instance_state.cc, GetNaming…")
TORCH_OPTIONS = Cited(f"{NVIDIA}pytorch_backend", "266fd38, 2026-05-13", "src/pt/model_state.cc, ParseParameters")
TORCH_LOAD = Cited(
    f"{NVIDIA}pytorch_backend", "266fd38, 2026-05-13", "src/pt/model_state.cc, LoadModel: torch::jit::load"
)
NUMBERED = 'state { input_name: "S__1" output_name: "S__1" data_type: TYPE_FP32 dims: 1 }'
STATEFUL = changed(
    changed(pytorch(f"sequence_batching {{ {NUMBERED} }}\n"), '"INPUT"', '"INPUT__0"'), '"OUTPUT"', '"OUTPUT__0"'
)
CONTROLLED = pytorch(
    'sequence_batching { control_input { name: "START__1"'
    " control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } } }\n"
)

SEEDS: list[Seed] = [
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
    edited(
        "a script with an output twice, whose order then counts",
        TORCH_OUT,
        "TU217",
        "output",
        pytorch(),
        f"{{ {OUTPUT} }}",
        f"{{ {OUTPUT} }}, {{ {OUTPUT} }}",
        "'OUTPUT'",
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

HEALTHY = {
    "a script on a CPU": pytorch(CPU),
    "a script of one string": changed(changed(pytorch(), INPUT, INPUT.replace("FP32", "STRING")), "size: 8", "size: 0"),
    "a script for Inductor": {
        "subject/config.pbtxt": pytorch()["subject/config.pbtxt"] + b'platform: "torch_aoti"\n',
        "subject/1/model.pt2": archive("data/aotinductor/model.so"),
    },
}
