"""Whether each model has a version to serve, and each version its model file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from planning.findings import Finding, Rule, Severity
from planning.repository.completion import ENSEMBLE
from planning.repository.files import leads_outside
from planning.repository.model import Model, Version

HAS_VERSION = Rule("TU208", Severity.ERROR, "The version policy selects a version that is there")
NO_VERSION_SKIPPED = Rule("TU209", Severity.WARNING, "No version is passed over silently")
HAS_MODEL_FILE = Rule("TU210", Severity.ERROR, "Every served version has its model file")
HAS_EXTERNAL_DATA = Rule("TU213", Severity.ERROR, "The external data of an ONNX model lies complete beside it")

_NEED_A_FILE = frozenset({"onnxruntime", "tensorrt", "openvino", "pytorch", "python"})
"""Backends that do not load without their model file. What others need is up to them."""


def check_versions(model: Model) -> Iterator[Finding]:
    """The version directories against the policy (VersionsToLoad and AsyncLoad, core
    src/model_repository_manager/model_lifecycle.cc). An engine that is yet to be built needs none."""
    found = model.directories
    for name, number in found.misread:
        if number in found.selected and number not in found.present:
            what = f"Triton reads the directory {name!r} as version {number} and then misses {str(number)!r}."
            fix = f"Rename it to {str(number)!r}, or move it out of the model's directory."
            yield model.file_finding(HAS_VERSION, name, what, fix)
    for name in found.too_large:
        what = f"Triton cannot read the directory {name!r} as a version: it is no number of 64 bits."
        fix = "Rename it to a smaller number, or move it out of the model's directory."
        yield model.file_finding(HAS_VERSION, name, what, fix)
    for name, number in found.ignored:
        why = "it begins with a zero" if name.isdecimal() else "its name is no number"
        what = f"Triton ignores the version directory {name!r}: {why}."
        fix = f"Rename it to {str(number)!r}, or move it out of the model's directory."
        yield model.file_finding(NO_VERSION_SKIPPED, name, what, fix)
    if not found.selected and not model.planned:
        yield _none_selected(model)
    elif not model.planned:
        for version in model.served:
            if not version.files and model.backend not in _NEED_A_FILE:
                what = f"The version directory {version.number} is empty: neither Git nor a bucket keeps it."
                fix = "Put a file into it, .gitkeep for example."
                yield model.file_finding(HAS_VERSION, str(version.number), what, fix)
        for number in found.missing:
            what = f"The policy names version {number}, which is not there, and Triton goes on without it."
            fix = f"Add the directory {str(number)!r}, or take {number} off the list."
            yield model.finding(NO_VERSION_SKIPPED, "version_policy.specific", what, fix)


def _none_selected(model: Model) -> Finding:
    present = ", ".join(map(str, model.versions))
    if not present:
        what = "The model has no version directory."
        fix = f"Put {_needed_text(model)}into a directory named 1."
        if model.directories.ignored:
            name, number = model.directories.ignored[-1]
            fix = f"Rename the directory {name!r} to {str(number)!r}."
    elif model.config.version_policy.HasField("latest"):
        what = "The policy latest { num_versions: 0 } selects no version."
        fix = "Write num_versions: 1 or more."
    else:
        named = ", ".join(map(str, model.directories.missing)) or "none"
        what = f"The policy names version {named}, the model has {present}."
        fix = "Name a version that is there."
    return model.finding(HAS_VERSION, "version_policy", what, fix)


def _needed_text(model: Model) -> str:
    if model.backend == ENSEMBLE:
        return "an empty file, .gitkeep for example, "
    return f"{model.model_filename} " if model.model_filename else "the model's files "


def check_model_files(model: Model) -> Iterator[Finding]:
    """Every file that the backend opens first. Per compute capability (`cc_model_filenames`), the default
    file is only what other GPUs fall back to."""
    if model.backend not in _NEED_A_FILE or model.planned:
        return
    by_gpu = sorted(set(model.config.cc_model_filenames.values()))
    for version in model.served:
        for filename in by_gpu or [model.model_filename]:
            if leads_outside(filename):
                what = f"The model file {filename!r} is outside its version's directory."
                fix = "Put it into the version's directory and name it alone."
                yield model.finding(HAS_MODEL_FILE, "default_model_filename", what, fix)
            elif not _has(model, version, filename):
                yield _missing(model, version, filename)


def _has(model: Model, version: Version, filename: str) -> bool:
    path = PurePosixPath(str(version.number), filename)
    if any(file.path == path for file in version.files):
        return True
    inner = path / "model.onnx" if model.backend == "onnxruntime" else path
    return any(file.path.is_relative_to(inner) for file in version.files)


def _missing(model: Model, version: Version, filename: str) -> Finding:
    there = [
        file.path.name
        for file in version.files
        if file.path.suffix == PurePosixPath(filename).suffix and len(file.path.parts) == 2
    ]
    if len(there) == 1:
        fix = f'Write default_model_filename: "{there[0]}", or rename {there[0]} to {filename}.'
    elif model.backend == "tensorrt":
        fix = (
            "Put the engine there, or declare what it is built from with the parameters"
            " tritonup.engine.source and tritonup.engine.precision."
        )
    else:
        fix = "Put the file there."
    path = f"{version.number}/{filename}"
    return model.file_finding(HAS_MODEL_FILE, path, f"The model file {path} is missing.", fix)


def check_external_data(model: Model) -> Iterator[Finding]:
    """The files that an ONNX graph keeps tensors in: inside the version's directory (the onnx package opens
    no others since CVE-2026-27489), there, and long enough."""
    for version in model.served:
        if version.graph is None:
            continue
        sizes = {file.path: file.size for file in version.files}
        graph_file = PurePosixPath(str(version.number), model.model_filename)
        if graph_file not in sizes:
            graph_file /= "model.onnx"
        for data in version.graph.external:
            path = graph_file.parent / data.location
            size = sizes.get(PurePosixPath(*_normal(path.parts)))
            if not data.location or leads_outside(data.location):
                what = f"The graph keeps tensors in {data.location!r}, outside of its own directory."
                fix = "Save it again with external data in one file beside it, named without a path."
            elif size is None:
                what = f"The graph keeps tensors in {data.location!r}, which is missing."
                fix = f"Put {path} there."
            elif size < data.needed_bytes:
                what = f"The graph needs {data.needed_bytes} bytes of {data.location!r}, which has {size}."
                fix = "Copy the file again, or export the model again: one of the two is incomplete."
            else:
                continue
            yield model.file_finding(HAS_EXTERNAL_DATA, graph_file, what, fix)


def _normal(parts: tuple[str, ...]) -> list[str]:
    normal: list[str] = []
    for part in parts:
        if part == "..":
            normal = normal[:-1]
        else:
            normal.append(part)
    return normal
