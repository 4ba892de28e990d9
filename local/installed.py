"""The real Triton of this machine: the wheel `nvidia-pytriton` in an environment of its own.

The wheel carries `tritonserver` 2.51 with the Python backend, for x86-64 Linux, and no other backend. The
Python backend runs each model instance in a *stub* that embeds one Python version, so the stub of the
environment's Python goes beside it, and that Python's shared library must be on the loader's path.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import CannotServeError

RELEASE = "24.10"
"""The release that tritonserver 2.51 belongs to (NVIDIA's support matrix; `tritonserver` prints 2.51.0)."""

ENVIRONMENT = ".venv-triton"
"""The folder that `make serve` installs the wheel into."""

BACKENDS = Path(__file__).parent / "backends"
"""Backends of ours that run in the Python backend's stub."""

_ABOUT = """
import json, sys, sysconfig
print(json.dumps({
    "packages": sysconfig.get_path("purelib"),
    "version": "{}.{}".format(*sys.version_info),
    "libraries": sysconfig.get_config_var("LIBDIR"),
    "libpython": sysconfig.get_config_var("INSTSONAME"),
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledTriton:
    """`server` is the binary, `python` its environment's interpreter; `libraries` are the loader's path."""

    python: Path
    server: Path
    libraries: tuple[Path, ...]
    backend: Path
    stub: Path
    caches: Path

    def environment(self) -> Mapping[str, str]:
        """What the server's process needs. The stub takes the environment of the first `python` on PATH."""
        return {
            "PATH": f"{self.python.parent}:/usr/local/bin:/usr/bin:/bin",
            "LD_LIBRARY_PATH": ":".join(str(folder) for folder in self.libraries),
        }

    def assemble_backends(self, into: Path) -> None:
        """Lay out `into` as Triton's backend directory. Copies: Triton refuses a backend whose library is a
        link that leads out of the directory."""
        python = into / "python"
        python.mkdir(parents=True)
        for file in (*self.backend.iterdir(), self.stub):
            if file.is_file():
                shutil.copy(file, python)
        for backend in BACKENDS.iterdir():
            if (backend / "model.py").is_file():
                (into / backend.name).mkdir()
                shutil.copy(backend / "model.py", into / backend.name)

    def known_flags(self) -> frozenset[str]:
        """The flags that this binary accepts, without dashes, by its own `--help`."""
        told = subprocess.run(  # noqa: S603  the binary of our own environment
            [str(self.server), "--help"],
            env=dict(self.environment()),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        flags = frozenset(re.findall(r"^\s+--([a-z0-9-]+)", told.stdout + told.stderr, re.MULTILINE))
        if not flags:
            raise CannotServeError(f"{self.server.name} does not run here: {(told.stderr or told.stdout).strip()}")
        return flags


def unsupported() -> str | None:
    """Why the wheel cannot run on this kind of machine, or None where it can."""
    if sys.platform != "linux" or platform.machine() not in {"x86_64", "AMD64"}:
        here = f"{platform.system()} on {platform.machine()}"
        return f"Triton's wheel is made for Linux on x86-64, and this is {here}"
    return None


def find_installed(project: Path) -> InstalledTriton | str:
    """The Triton in `project`'s environment, or why there is none."""
    if (reason := unsupported()) is not None:
        return reason
    python = project / ENVIRONMENT / "bin" / "python"
    if not python.exists():
        return f"there is no Triton in {ENVIRONMENT} (`make serve` installs it)"
    told = subprocess.run(  # noqa: S603  the interpreter of our own environment
        [str(python), "-I", "-c", _ABOUT], capture_output=True, text=True, timeout=60, check=False
    )
    if told.returncode != 0:
        return f"the Python in {ENVIRONMENT} does not run: {told.stderr.strip().splitlines()[-1:]}"
    about = json.loads(told.stdout)
    packages = Path(about["packages"])
    triton = packages / "pytriton" / "tritonserver"
    stub = triton / "python_backend_stubs" / about["version"] / "triton_python_backend_stub"
    if not (triton / "bin" / "tritonserver").is_file():
        return f"the environment {ENVIRONMENT} has no tritonserver (`make serve` installs it)"
    if not stub.is_file():
        carried = ", ".join(sorted(folder.name for folder in stub.parent.parent.iterdir()))
        return f"the wheel has no stub for Python {about['version']} of {ENVIRONMENT} (it has: {carried})"
    return InstalledTriton(
        python=python.absolute(),
        server=triton / "bin" / "tritonserver",
        libraries=(packages / "nvidia_pytriton.libs", Path(about["libraries"])),
        backend=triton / "backends" / "python",
        stub=stub,
        caches=triton / "caches",
    )
