"""Language models: the sources of vLLM's and TensorRT-LLM's backends decide."""

from __future__ import annotations

from dataclasses import replace

from tests.preflight.backend_models import DEPLOY, NVIDIA, edited, put, tensorrtllm, vllm
from tests.preflight.seeds import Cited, Seed, without

VLLM = Cited(f"{NVIDIA}vllm_backend", "8de0c14, 2026-01-09", "src/model.py, _init_engine_args")
VLLM_GPUS = Cited(f"{NVIDIA}vllm_backend", "8de0c14, 2026-01-09", "src/model.py, _validate_device_config")
LLM = Cited("NVIDIA/TensorRT-LLM", "c8c6df0", "triton_backend/inflight_batcher_llm/src/model_instance_state.cc")
SPLIT = vllm("instance_group { kind: KIND_MODEL }\n", tensor_parallel_size=2)

SEEDS: list[Seed] = [
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
    edited(
        "a template's kind of batching that nobody filled",
        LLM,
        "TU251",
        '["gpt_model_type"]',
        tensorrtllm(),
        '"inflight_fused_batching"',
        '"${batching_strategy}"',
        "'${batching_strategy}'",
    ),
]

HEALTHY = {
    "a language model": vllm(),
    "a language model on two GPUs": SPLIT,
    "a compiled language model": tensorrtllm(),
}
