"""Wheels as the files of an image: unpacked for Debian's Python, checked by their lock's hashes."""

from __future__ import annotations

import shutil
import subprocess
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
