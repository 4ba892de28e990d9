"""The C compiler of tests that need a library of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def find_compiler(project: Path) -> tuple[str, ...] | str:
    """The command of a C compiler: this machine's, or the one that `make test` got where there is none. Or why there
    is none."""
    if (found := shutil.which("cc")) is not None:
        return (found,)
    tcc = project / ".tools" / "tcc" / "usr"
    if (tcc / "bin" / "tcc").is_file():
        return (str(tcc / "bin" / "tcc"), "-B", str(next(tcc.glob("lib/*/tcc"))))
    return "there is no C compiler `cc`, and no `tcc` could be had"


def compile_library(compiler: tuple[str, ...], source: Path, into: Path) -> None:
    """A shared library that needs no headers and takes libc from whoever loads it."""
    subprocess.run([*compiler, "-shared", "-fPIC", "-nostdlib", "-o", str(into), str(source)], check=True)
