"""A backend that says nothing of any model, under the name of each backend of a release."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("stand_in.c")
BACKENDS = ("dali", "fil", "onnxruntime", "openvino", "python", "pytorch", "tensorrt", "tensorrtllm", "vllm")


def find_compiler(project: Path) -> tuple[str, ...] | str:
    """The command of a C compiler: this machine's, or the one that `make test` got where there is none. Or why there
    is none."""
    if (found := shutil.which("cc")) is not None:
        return (found,)
    tcc = project / ".tools" / "tcc" / "usr"
    if (tcc / "bin" / "tcc").is_file():
        return (str(tcc / "bin" / "tcc"), "-B", str(next(tcc.glob("lib/*/tcc"))))
    return "there is no C compiler `cc`, and no `tcc` could be had"


def assemble_stand_ins(compiler: tuple[str, ...], into: Path) -> None:
    """Lay out `into` as Triton's backend directory, with the stand-in for every backend."""
    into.mkdir()
    library = into / "stand_in.so"
    subprocess.run([*compiler, "-shared", "-fPIC", "-nostdlib", "-o", str(library), str(SOURCE)], check=True)
    for backend in BACKENDS:
        (into / backend).mkdir()
        shutil.copy(library, into / backend / f"libtriton_{backend}.so")
    (into / "pytorch" / "model.py").touch()  # the release's pytorch backend has both, a model's `runtime` chooses
