"""The values of `parameters` that backends parse while they load a model, and refuse.

Parameters that are not listed are passed by, as the backends do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planning.findings import Finding
from planning.repository.checks.backends.rules import VALUE_IS_TAKEN
from planning.repository.config import parameter
from planning.repository.model import Model
from planning.repository.suggestion import did_you_mean


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number that C++'s stoi reads at the front of the text; one of `among` where that is not empty."""

    among: Sequence[int] = ()

    def refuses(self, value: str) -> str | None:
        found = re.match(r"\s*([+-]?\d+)", value, re.ASCII)
        if self.among and (found is None or int(found[1]) not in self.among):
            return f"Write one of {', '.join(map(str, self.among))}."
        return None if found is not None else "Write a whole number."


@dataclass(frozen=True, slots=True)
class Natural:
    """Nothing but digits."""

    def refuses(self, value: str) -> str | None:
        return None if re.fullmatch(r"\d+", value, re.ASCII) else "Write a whole number, 0 or more."


@dataclass(frozen=True, slots=True)
class Fraction:
    """A number."""

    def refuses(self, value: str) -> str | None:
        try:
            float(value)
        except ValueError:
            return "Write a number."
        return None


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of `values`; in capitals or not where `any_case`."""

    values: Sequence[str]
    any_case: bool = False
    numbers: bool = False
    """Whether a whole number is taken too."""

    def refuses(self, value: str) -> str | None:
        known = [one.lower() for one in self.values] if self.any_case else self.values
        if (value.lower() if self.any_case else value) in known or (self.numbers and value.isdecimal()):
            return None
        more = " or a whole number" if self.numbers else ""
        return f"{did_you_mean(value, self.values)}Write one of {', '.join(self.values)}{more}."


Grammar = Whole | Natural | Fraction | OneOf

TRUTH = OneOf(("true", "false", "on", "off", "1", "0"), any_case=True)
"""ParseBoolValue (triton-inference-server/backend 3f57fb9, src/backend_common.cc)."""

_PYTORCH_TRUTHS = (
    "DISABLE_OPTIMIZED_EXECUTION",
    "ENABLE_CACHE_CLEANING",
    "INFERENCE_MODE",
    "DISABLE_CUDNN",
    "ENABLE_TENSOR_FUSER",
    "ENABLE_WEIGHT_SHARING",
    "ENABLE_JIT_PROFILING",
    "ENABLE_JIT_EXECUTOR",
)

_FIL_TRUTH = OneOf(("true", "false"))

PARAMETERS: Mapping[str, Mapping[str, Grammar]] = {
    # ModelState::ModelState and LoadModel (onnxruntime_backend 00fd3e8, src/onnxruntime.cc)
    "onnxruntime": {
        "execution_mode": Whole((0, 1)),
        "intra_op_thread_count": Whole(),
        "inter_op_thread_count": Whole(),
        "enable_mem_arena": TRUTH,
        "enable_mem_pattern": TRUTH,
        "cudnn_conv_algo_search": Whole((0, 1, 2)),
        "arena_extend_strategy": Whole((0, 1)),
    },
    # ParseParameterHelper (openvino_backend db19304, src/openvino.cc)
    "openvino": {
        "INFERENCE_NUM_THREADS": Natural(),
        "COMPILATION_NUM_THREADS": Natural(),
        "HINT_BF16": OneOf(("YES",), any_case=True),
        "NUM_STREAMS": OneOf(("AUTO", "NUMA"), any_case=True, numbers=True),
        "PERFORMANCE_HINT": OneOf(("LATENCY", "THROUGHPUT", "CUMULATIVE_THROUGHPUT"), any_case=True),
    },
    # ModelState::ModelState (python_backend f9088ff, src/python_be.cc)
    "python": {"FORCE_CPU_ONLY_INPUT_TENSORS": OneOf(("yes", "no"))},
    # ModelState::ParseParameters (pytorch_backend 266fd38, src/pt/model_state.cc)
    "pytorch": dict.fromkeys(_PYTORCH_TRUTHS, TRUTH),
    # ModelState::ParseParameters (tensorrt_backend e2ef6d7, src/model_state.cc)
    "tensorrt": {"execution_context_allocation_strategy": OneOf(("STATIC", "ON_PROFILE_CHANGE"))},
    # RapidsSharedState::load and string_to_serialization (fil_backend d71f8ef, src/shared_state.h, serialization.h)
    "fil": {
        "model_type": OneOf(("xgboost", "xgboost_json", "xgboost_ubj", "lightgbm", "treelite_checkpoint")),
        "is_classifier": _FIL_TRUTH,
        "threshold": Fraction(),
    },
    # ModelInstanceState::getBatchingTypeFromParams (NVIDIA/TensorRT-LLM c8c6df0,
    # triton_backend/inflight_batcher_llm/src/model_instance_state.cc)
    "tensorrtllm": {"gpt_model_type": OneOf(("inflight_fused_batching", "inflight_batching", "V1", "v1"))},
}


def check_parameters(model: Model) -> Iterator[Finding]:
    """Every parameter of `model` that its backend parses."""
    for name, grammar in PARAMETERS.get(model.backend, {}).items():
        if name in model.config.parameters:
            value = parameter(model.config, name)
            fix = grammar.refuses(value)
            if fix is not None:
                what = f"The parameter {name} is {value!r}, which {model.backend} does not take."
                yield model.finding(VALUE_IS_TAKEN, f'parameters["{name}"]', what, fix)
