"""Forests: the FIL backend (triton-inference-server/fil_backend d71f8ef, src/shared_state.h, serialization.h and
model.h; names and types by docs/model_config.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from planning.findings import Finding
from planning.repository.checks.backends.rules import BACKEND_IS_SERVED, FORMAT_IS_READ
from planning.repository.config import data_type, parameter
from planning.repository.model import Model

FILES: Mapping[str, str] = {
    "xgboost": "xgboost.model",
    "xgboost_json": "xgboost.json",
    "xgboost_ubj": "xgboost.ubj",
    "lightgbm": "model.txt",
    "treelite_checkpoint": "checkpoint.tl",
}
"""RapidsModel::model_file: the file of each `model_type`."""


def check_fil(model: Model) -> Iterator[Finding]:
    parameters = model.config.parameters
    if "is_classifier" not in parameters and "output_class" not in parameters:
        what = "The parameter is_classifier is missing, which the backend has no default for."
        fix = 'Write parameters { key: "is_classifier" value { string_value: "true" } }, or "false".'
        yield model.finding(BACKEND_IS_SERVED, "parameters", what, fix)
    elif parameter(model.config, "is_classifier") == "true" and "threshold" not in parameters:
        what = "The parameter threshold is missing, which a classifier needs."
        fix = 'Write parameters { key: "threshold" value { string_value: "0.5" } }.'
        yield model.finding(BACKEND_IS_SERVED, "parameters", what, fix)
    for field, tensors, name in (
        ("input", model.config.input, "input__0"),
        ("output", model.config.output, "output__0"),
    ):
        if tensors and all(tensor.name != name for tensor in tensors):
            what = f"The {field} is named {tensors[0].name!r}; a forest has {name!r}."
            yield model.finding(BACKEND_IS_SERVED, f"{field}[0].name", what, f'Write name: "{name}".')
        for index, tensor in enumerate(tensors):
            stated = data_type(tensor.data_type)
            if tensor.name == name and stated not in ("TYPE_FP32", "TYPE_INVALID"):
                what = f"{name!r} is {stated}; a forest takes and gives TYPE_FP32."
                yield model.finding(BACKEND_IS_SERVED, f"{field}[{index}].data_type", what, "Write TYPE_FP32.")
    yield from _check_file(model)


def _check_file(model: Model) -> Iterator[Finding]:
    kind = parameter(model.config, "model_type") or "xgboost"
    filename = model.config.default_model_filename or FILES.get(kind)
    for version in model.served:
        paths = {file.path for file in version.files}
        if filename is not None and paths and PurePosixPath(str(version.number), filename) not in paths:
            path = f"{version.number}/{filename}"
            there = sorted(name for name in FILES.values() if PurePosixPath(str(version.number), name) in paths)
            hint = next((f'Write model_type "{key}"' for key, name in FILES.items() if name in there), None)
            fix = f"{hint}, or put {filename} there." if hint else f"Put {filename} there."
            yield model.file_finding(FORMAT_IS_READ, path, f"The file {path} of model_type {kind!r} is missing.", fix)
