"""Wheels as the files of an image: unpacked for Debian's Python, checked by their lock's hashes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from local.cluster.errors import ClusterError
from local.cluster.layout import Layout

PYTHON = "3.11"
"""Of Debian 12, which images are packed from."""

PACKAGES_AT = f"usr/local/lib/python{PYTHON}/dist-packages"
"""Where Debian's Python looks by itself."""


def install_wheels(lock: Path, into: Path, layout: Layout) -> None:
    """What `lock` names, without byte code and programs. ClusterError where it cannot be had."""
    uv = shutil.which("uv") or str(layout.tools / "uv" / "bin" / "uv")
    told = subprocess.run(  # noqa: S603  uv, with arguments of ours
        [
            uv,
            *("pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", str(into)),
            *("--python-version", PYTHON, "--python-platform", "x86_64-manylinux_2_35", "--only-binary", ":all:"),
            *("--requirement", str(lock)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode != 0:
        raise ClusterError(f"The wheels of {lock.name} cannot be had: {told.stderr.strip()}")
    shutil.rmtree(into / "bin", ignore_errors=True)
    for cache in into.rglob("__pycache__"):
        shutil.rmtree(cache)


def compile_modules(debian: Path, folders: Sequence[Path], root: Path, *, at: str = "/") -> None:
    """Byte code for the modules below `folders`, by the Python of the tree `debian`; `root` will be at `at` in it.
    A container whose root is read-only would compile all that it imports at every start. It is a matter of speed alone:
    where this Python does not run on this machine there is none. It holds for these sources without a look at them (PEP
    552), because an image's files have no times."""
    subprocess.run(  # noqa: S603  Debian's Python, with arguments of ours
        [
            str(debian / "usr" / "bin" / f"python{PYTHON}"),
            *("-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"),
            *("-x", r"/tests?/", "-s", str(root), "-p", at),
            *map(str, folders),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
