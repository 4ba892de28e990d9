"""Python models (triton-inference-server/python_backend f9088ff, src/pb_stub.cc). Their code is read, never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from planning.findings import Finding
from planning.repository.checks.backends.python_completion import check_completion
from planning.repository.checks.backends.rules import FORMAT_IS_READ
from planning.repository.model import Model


def check_python(model: Model) -> Iterator[Finding]:
    for version in model.served:
        path, code = PurePosixPath(str(version.number), model.model_filename), version.code
        if code is None:
            continue
        if code.mistake:
            what = f"{path} is no Python: {code.mistake}."
            yield model.file_finding(FORMAT_IS_READ, path, what, "Correct it: no version of Python takes this.")
        elif not code.defines_model:
            what = f"{path} defines no class 'TritonPythonModel'."
            yield model.file_finding(FORMAT_IS_READ, path, what, "Name the model's class TritonPythonModel.")
        elif not code.executes:
            what = f"The class 'TritonPythonModel' of {path} has no method 'execute'."
            fix = "Add def execute(self, requests), which returns a response for each."
            yield model.file_finding(FORMAT_IS_READ, path, what, fix)
        elif code.completion is not None:
            yield from check_completion(model, path, code.completion)
