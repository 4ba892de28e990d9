"""OpenVINO's backend (triton-inference-server/openvino_backend db19304, src/openvino.cc and openvino_utils.cc)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from planning.findings import Finding
from planning.repository.checks.backends.rules import BACKEND_IS_SERVED, FORMAT_IS_READ
from planning.repository.checks.backends.tensors import check_types
from planning.repository.config import enum_name
from planning.repository.model import Model

_TYPES = frozenset(
    f"TYPE_{name}"
    for name in (
        "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32",
    )
)  # fmt: skip
"""ModelConfigDataTypeToOpenVINOElement; every other type is refused by ValidateInputs and ValidateOutputs."""


def check_openvino(model: Model) -> Iterator[Finding]:
    yield from check_types(model, "OpenVINO's backend", _TYPES)
    for index, group in enumerate(model.config.instance_group):
        kind = enum_name("ModelInstanceGroup.Kind", group.kind)
        if kind in ("KIND_GPU", "KIND_MODEL"):
            what = f"OpenVINO's backend runs in groups of KIND_CPU only, and this one is {kind}."
            yield model.finding(BACKEND_IS_SERVED, f"instance_group[{index}].kind", what, "Write kind: KIND_CPU.")
    if model.config.batch_input or model.config.batch_output:
        return
    yield from _check_weights(model)


def _check_weights(model: Model) -> Iterator[Finding]:
    """OpenVINO's own format is two files: the graph (.xml) and its weights (.bin), which ov::Core::read_model looks
    for under the same name (docs.openvino.ai, "OpenVINO IR format")."""
    if not model.model_filename.endswith(".xml"):
        return
    for version in model.served:
        path = PurePosixPath(str(version.number), model.model_filename)
        weights = path.with_suffix(".bin")
        paths = {file.path for file in version.files}
        if path in paths and weights not in paths:
            what = f"The graph {path} has no weights beside it: {weights.name!r} is missing."
            yield model.file_finding(FORMAT_IS_READ, weights, what, f"Put {weights} there: both belong together.")
