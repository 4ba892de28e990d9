"""DALI's backend (triton-inference-server/dali_backend 01783f8, src/dali_model.h and model_provider.h)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from planning.findings import Finding
from planning.repository.checks.backends.rules import FORMAT_IS_READ
from planning.repository.model import Model

SERIALIZED, PIPELINE = "model.dali", "dali.py"
"""What LoadModel looks for: a serialised pipeline, and then Python that builds one."""


def check_dali(model: Model) -> Iterator[Finding]:
    filename = model.config.default_model_filename or SERIALIZED
    for version in model.served:
        there = {file.path for file in version.files}
        wanted = [PurePosixPath(str(version.number), name) for name in (filename, PIPELINE)]
        if there.isdisjoint(wanted):
            what = f"Neither {wanted[0]} nor {wanted[1]} is there."
            fix = f"Put the serialised pipeline there as {wanted[0]}, or its Python as {wanted[1]}."
            yield model.file_finding(FORMAT_IS_READ, wanted[0], what, fix)
