"""TensorRT's backend (triton-inference-server/tensorrt_backend e2ef6d7, src/instance_state.cc and model_state.cc)."""

from __future__ import annotations

from collections.abc import Iterator

from planning.findings import Finding
from planning.repository.checks.backends.rules import BACKEND_IS_SERVED
from planning.repository.checks.backends.tensors import check_types
from planning.repository.config import enum_name, parameter
from planning.repository.model import Model

_TYPES = frozenset(f"TYPE_{name}" for name in ("BOOL", "UINT8", "INT8", "INT32", "INT64", "FP16", "BF16", "FP32"))
"""ConvertTrtTypeToConfigDataType (src/tensorrt_utils.cc): no other type comes out of an engine."""


def check_tensorrt(model: Model) -> Iterator[Finding]:
    yield from check_types(model, "TensorRT", _TYPES)
    multi_device = parameter(model.config, "enable_multi_device").lower() in ("true", "on", "1")
    for index, group in enumerate(model.config.instance_group):
        kind, at = enum_name("ModelInstanceGroup.Kind", group.kind), f"instance_group[{index}].kind"
        if kind == "KIND_MODEL" and not multi_device:
            what = "TensorRT runs an engine on one GPU, and KIND_MODEL names none."
            yield model.finding(BACKEND_IS_SERVED, at, what, "Write kind: KIND_GPU.")
