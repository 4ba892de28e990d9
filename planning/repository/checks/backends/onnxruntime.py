"""ONNX Runtime's backend: accelerators, optional and ragged inputs, sequence controls
(triton-inference-server/onnxruntime_backend 00fd3e8, src/onnxruntime.cc).

The tensors against the graph are `planning.repository.checks.signature`'s.
"""

from __future__ import annotations

from collections.abc import Iterator

from planning.findings import Finding
from planning.repository.checks.backends.parameters import TRUTH, Grammar, OneOf, Whole
from planning.repository.checks.backends.rules import BACKEND_IS_SERVED, VALUE_IS_TAKEN
from planning.repository.config import Accelerator, SequenceControl, data_type, enum_name
from planning.repository.model import Model
from planning.repository.suggestion import did_you_mean

_TEXT = None
"""A value that the backend hands on as it is."""

TENSORRT_PARAMETERS: dict[str, Grammar | None] = {
    "precision_mode": OneOf(("FP32", "FP16", "BF16", "INT8")),
    "max_workspace_size_bytes": Whole(),
    "trt_max_partition_iterations": Whole(),
    "trt_min_subgraph_size": Whole(),
    "int8_calibration_table_name": _TEXT,
    "int8_use_native_calibration_table": TRUTH,
    "trt_dla_enable": TRUTH,
    "trt_dla_core": Whole(),
    "trt_engine_cache_enable": TRUTH,
    "trt_engine_cache_path": _TEXT,
    "trt_engine_cache_prefix": _TEXT,
    "trt_dump_subgraphs": TRUTH,
    "trt_force_sequential_engine_build": TRUTH,
    "trt_context_memory_sharing_enable": TRUTH,
    "trt_layer_norm_fp32_fallback": TRUTH,
    "trt_timing_cache_enable": TRUTH,
    "trt_timing_cache_path": _TEXT,
    "trt_force_timing_cache": TRUTH,
    "trt_detailed_build_log": TRUTH,
    "trt_build_heuristics_enable": TRUTH,
    "trt_sparsity_enable": TRUTH,
    "trt_builder_optimization_level": Whole(),
    "trt_auxiliary_streams": Whole(),
    "trt_tactic_sources": _TEXT,
    "trt_extra_plugin_lib_paths": _TEXT,
    "trt_profile_min_shapes": _TEXT,
    "trt_profile_max_shapes": _TEXT,
    "trt_profile_opt_shapes": _TEXT,
    "trt_cuda_graph_enable": TRUTH,
    "trt_dump_ep_context_model": TRUTH,
    "trt_ep_context_file_path": _TEXT,
    "trt_ep_context_embed_mode": Whole(),
}
"""What LoadModel takes of the accelerator `tensorrt`; it refuses every other name."""

_CUDA_TRUTHS = ("do_copy_in_default_stream", "use_ep_level_unified_stream")
"""Of the accelerator `cuda`; what else is given goes to ONNX Runtime as it is."""


def check_onnxruntime(model: Model) -> Iterator[Finding]:
    for index, accelerator in enumerate(model.config.optimization.execution_accelerators.gpu_execution_accelerator):
        at = f"optimization.execution_accelerators.gpu_execution_accelerator[{index}]"
        yield from _check_accelerator(model, at, accelerator)
    for index, tensor in enumerate(model.config.input):
        if tensor.optional and tensor.allow_ragged_batch:
            what = f"{tensor.name!r} is optional and ragged at once, which ONNX Runtime's backend does not take."
            yield model.finding(BACKEND_IS_SERVED, f"input[{index}].allow_ragged_batch", what, "Leave one of them out.")
    yield from _check_control_types(model)


def _check_accelerator(model: Model, at: str, accelerator: Accelerator) -> Iterator[Finding]:
    for name, value in sorted(accelerator.parameters.items()):
        grammar: Grammar | None = None
        if accelerator.name == "tensorrt":
            if name not in TENSORRT_PARAMETERS:
                what = f"The accelerator tensorrt has no parameter {name!r}."
                fix = did_you_mean(name, TENSORRT_PARAMETERS) + "Name one of the backend's README, or leave it out."
                yield model.finding(VALUE_IS_TAKEN, f'{at}.parameters["{name}"]', what, fix)
                continue
            grammar = TENSORRT_PARAMETERS[name]
        elif accelerator.name == "cuda" and name in _CUDA_TRUTHS:
            grammar = TRUTH
        fix = grammar.refuses(value) if grammar is not None else None
        if fix is not None:
            what = f"The accelerator's parameter {name} is {value!r}."
            yield model.finding(VALUE_IS_TAKEN, f'{at}.parameters["{name}"]', what, fix)


def _check_control_types(model: Model) -> Iterator[Finding]:
    """ValidateBooleanSequenceControl and ValidateTypedSequenceControl."""
    for index, tensor in enumerate(model.config.sequence_batching.control_input):
        for control in tensor.control:
            stated = _control_type(control)
            for version in model.served:
                inputs = version.graph.inputs if version.graph is not None else ()
                graph = next((one for one in inputs if one.name == tensor.name), None)
                if graph is not None and stated is not None and graph.data_type not in (stated, "TYPE_INVALID"):
                    what = (
                        f"The control {tensor.name!r} is {stated}, and {graph.data_type} in the graph"
                        f" {version.number}/{model.model_filename}."
                    )
                    at = f"sequence_batching.control_input[{index}]"
                    yield model.finding(BACKEND_IS_SERVED, at, what, "Give it the graph's type.")


def _control_type(control: SequenceControl) -> str | None:
    if enum_name("ModelSequenceBatching.Control.Kind", control.kind) == "CONTROL_SEQUENCE_CORRID":
        return data_type(control.data_type)
    if control.int32_false_true:
        return "TYPE_INT32"
    if control.fp32_false_true:
        return "TYPE_FP32"
    return "TYPE_BOOL" if control.bool_false_true else None
