"""A backend that says nothing of any model, under the name of each backend of a release."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.compiler import compile_library

SOURCE = Path(__file__).with_name("stand_in.c")
BACKENDS = ("dali", "fil", "onnxruntime", "openvino", "python", "pytorch", "tensorrt", "tensorrtllm", "vllm")


def assemble_stand_ins(compiler: tuple[str, ...], into: Path) -> None:
    """Lay out `into` as Triton's backend directory, with the stand-in for every backend."""
    into.mkdir()
    library = into / "stand_in.so"
    compile_library(compiler, SOURCE, library)
    for backend in BACKENDS:
        (into / backend).mkdir()
        shutil.copy(library, into / backend / f"libtriton_{backend}.so")
    (into / "pytorch" / "model.py").touch()  # the release's pytorch backend has both, a model's `runtime` chooses
