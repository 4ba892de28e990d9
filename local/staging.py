"""The directory that one local server runs in, holding exactly its models.

With `--model-control-mode=none` Triton loads everything that it finds, so a server gets a repository of its
own. Its files are links, so no byte is copied. Directories are links too, but those with Python code: there
Python leaves byte code beside the code, which must not be the user's directory.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.errors import CannotServeError
from planning.repository.pbtxt import ConfigSyntaxError, parse_config

OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A model that is not served here, and why."""

    model: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """`root` is removed with everything in it when the server has ended."""

    root: Path
    served: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def backends(self) -> Path:
        return self.root / "backends"

    @property
    def scratch(self) -> Path:
        """What `/tmp` is in the container."""
        return self.root / "tmp"

    def volume(self, name: str) -> Path:
        """The local folder that stands for an empty volume of the pod."""
        return self.root / "volumes" / name


def stage(server: str, models: Sequence[Path]) -> Staging:
    """Make the directory for `server`, linking those of `models` that a Triton without a GPU can load.

    Raises CannotServeError where the disk is full, a model is missing, or none is left to serve; nothing
    stays behind then.
    """
    root: Path | None = None
    try:
        root = Path(tempfile.mkdtemp(prefix=f"tritonup-{server}-"))
        staging = _fill(server, root, models)
    except BaseException as error:
        if root is not None:
            shutil.rmtree(root, ignore_errors=True)
        if isinstance(error, OSError):
            raise CannotServeError(cannot_write(server, error)) from error
        raise
    return staging


def cannot_write(server: str, error: OSError) -> str:
    """The message for an OSError while `server`'s directory is made."""
    where = tempfile.gettempdir()
    if error.errno in OUT_OF_SPACE:
        free = shutil.disk_usage(where).free // 2**20
        return (
            f"Server {server!r} has no disk space to start in: {where} has {free} MiB left."
            " Free some, or set TMPDIR to a folder on another disk."
        )
    return f"Server {server!r} cannot prepare its directory in {where}: {error}. Set TMPDIR to another folder."


def _fill(server: str, root: Path, models: Sequence[Path]) -> Staging:
    served: list[str] = []
    left_out: list[LeftOut] = []
    for folder in ("models", "backends", "tmp", "volumes"):
        (root / folder).mkdir()
    for model in models:
        if not model.is_dir():
            raise CannotServeError(f"Server {server!r} serves model {model.name!r}, but there is no directory {model}.")
        reason = _needs_gpu(model)
        if reason is None:
            _link(model.resolve(), root / "models" / model.name)
            served.append(model.name)
        else:
            left_out.append(LeftOut(model=model.name, because=reason))
    if not served:
        reasons = "; ".join(f"{m.model}: {m.because}" for m in left_out) or "its list of models is empty"
        raise CannotServeError(f"Server {server!r} has no model that can be served here ({reasons}).")
    return Staging(root=root, served=tuple(served), left_out=tuple(left_out))


def _link(source: Path, target: Path) -> None:
    if not source.is_dir() or not any(source.rglob("*.py")):
        target.symlink_to(source)
        return
    target.mkdir()
    for inside in source.iterdir():
        if inside.name != "__pycache__":
            _link(inside, target / inside.name)


def _needs_gpu(model: Path) -> str | None:
    config = model / "config.pbtxt"
    if not config.is_file():
        return None
    try:
        stated = parse_config(config.read_text())
    except ConfigSyntaxError:
        return None  # Triton refuses it in its own words
    if stated.backend != "tensorrt" and stated.platform != "tensorrt_plan":
        return None
    filename = stated.default_model_filename or "model.plan"
    if not any(model.glob(f"[0-9]*/{filename}")):
        return "its TensorRT engine is not built"
    return "a TensorRT engine runs on a GPU only"
