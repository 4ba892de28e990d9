"""Backends of language models: vLLM's (triton-inference-server/vllm_backend 8de0c14, src/model.py) and TensorRT-LLM's
(NVIDIA/TensorRT-LLM c8c6df0, triton_backend/inflight_batcher_llm/src/model_instance_state.cc)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from planning.findings import Finding
from planning.repository.checks.backends.parameters import PARAMETERS
from planning.repository.checks.backends.rules import BACKEND_IS_SERVED, FORMAT_IS_READ, VALUE_IS_TAKEN
from planning.repository.config import enum_name, parameter
from planning.repository.model import Model
from planning.repository.vllm_engine import EngineArguments

ENGINE_ARGUMENTS = "model.json"
"""vLLM's engine arguments (_VLLM_ENGINE_ARGS_FILENAME), in the version's directory."""


def check_vllm(model: Model) -> Iterator[Finding]:
    if model.config.HasField("model_transaction_policy") and not model.config.model_transaction_policy.decoupled:
        what = "vLLM's backend answers any number of times, and decoupled is false."
        at = "model_transaction_policy.decoupled"
        yield model.finding(BACKEND_IS_SERVED, at, what, "Write decoupled: true, or leave it out.")
    for version in model.served:
        path = PurePosixPath(str(version.number), ENGINE_ARGUMENTS)
        says = version.engine_arguments
        if not any(file.path == path for file in version.files):
            what = f"The engine's arguments {path} are missing."
            fix = 'Put them there: {"model": "…", "gpu_memory_utilization": 0.9}.'
            yield model.file_finding(FORMAT_IS_READ, path, what, fix)
        elif says is None or says.mistake:
            what = f"{path} is not one JSON object{': ' + says.mistake if says is not None else ''}."
            yield model.file_finding(FORMAT_IS_READ, path, what, "Write the engine's arguments as a JSON object.")
        else:
            yield from _check_devices(model, path, says)


def _check_devices(model: Model, path: PurePosixPath, says: EngineArguments) -> Iterator[Finding]:
    """_validate_device_config: KIND_GPU is one GPU, and what an engine is split over is more."""
    if says.gpus <= 1:
        return
    if not model.config.instance_group:
        what = (
            f"The engine of {path} is split over {says.gpus} GPUs, and an instance gets one where no group is stated."
        )
        yield model.finding(BACKEND_IS_SERVED, "", what, "Write instance_group [ { kind: KIND_MODEL } ].")
    for index, group in enumerate(model.config.instance_group):
        if enum_name("ModelInstanceGroup.Kind", group.kind) in ("KIND_GPU", "KIND_AUTO"):
            what = f"The engine of {path} is split over {says.gpus} GPUs, in a group of one GPU each."
            yield model.finding(BACKEND_IS_SERVED, f"instance_group[{index}].kind", what, "Write kind: KIND_MODEL.")


def check_tensorrtllm(model: Model) -> Iterator[Finding]:
    """`gpt_model_type` and `gpt_model_path` have no default, and templates leave placeholders behind."""
    for name in ("gpt_model_type", "gpt_model_path"):
        if name not in model.config.parameters:
            what = f"The parameter {name} is missing, which the backend has no default for."
            fix = f'Write parameters {{ key: "{name}" value {{ string_value: "…" }} }}.'
            yield model.finding(BACKEND_IS_SERVED, "parameters", what, fix)
        elif name not in PARAMETERS["tensorrtllm"] and (value := parameter(model.config, name)).startswith("${"):
            what = f"The parameter {name} is still the template's {value!r}."
            fix = "Fill the template: tools/fill_template.py writes the values in."
            yield model.finding(VALUE_IS_TAKEN, f'parameters["{name}"]', what, fix)
