"""What a model file is by its first bytes, and by its table of contents where it is an archive.

Nothing is unpacked: a TorchScript file holds pickles.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BufferedReader

LFS_POINTER = b"version https://git-lfs"

_PLAN_MAGIC = b"ftrt"
"""What a TensorRT plan begins with; PyTorch's TensorRT integration tells plans by it too (pytorch/TensorRT,
py/torch_tensorrt/dynamo/runtime)."""

_ZIP_MAGIC = b"PK"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongFormat:
    """Why a file is not what its backend reads, and what to do about it."""

    what: str
    fix: str


def wrong_format(backend: str, file: BufferedReader) -> WrongFormat | None:
    """What is wrong with the model file `file` of a `backend`, as far as this can be told. Leaves the file at its
    beginning."""
    head = file.read(64)
    file.seek(0)
    if head.startswith(LFS_POINTER):
        return WrongFormat(what="is a Git LFS pointer, not the model.", fix="Run `git lfs pull`.")
    if not head:
        return WrongFormat(what="is empty.", fix="Export the model again.")
    wrong = _BY_BACKEND[backend](head, file) if backend in _BY_BACKEND else None
    file.seek(0)
    return wrong


def _plan(head: bytes, _: BufferedReader) -> WrongFormat | None:
    if head.startswith(_PLAN_MAGIC):
        return None
    if b"{" in head[4:8]:  # a length and JSON, which Ultralytics' export puts before the plan
        what = "begins with another tool's description, and the TensorRT plan comes after it."
        return WrongFormat(what=what, fix="Take the first part off, or build the plan with trtexec.")
    what = f"is no TensorRT plan: it begins with {head[:4]!r}, a plan with {_PLAN_MAGIC!r}."
    return WrongFormat(what=what, fix="Put the file there that trtexec --saveEngine wrote.")


def _torch(head: bytes, file: BufferedReader) -> WrongFormat | None:
    """TorchScript is an archive with its code in it; what torch.save writes has weights only (torch/csrc/jit, "PyTorch
    script serialisation": torch::jit::load misses `constants.pkl` there)."""
    fix = "Save it with torch.jit.script(model).save(…) or torch.jit.trace(…).save(…)."
    if not head.startswith(_ZIP_MAGIC):
        return WrongFormat(what=f"is no PyTorch archive: it begins with {head[:4]!r}.", fix=fix)
    try:
        with zipfile.ZipFile(file) as archive:
            names = {name.partition("/")[2] for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return WrongFormat(what="is cut off or damaged: its archive has no table of contents.", fix="Copy it again.")
    if "data.pkl" in names and "constants.pkl" not in names and not any(name.startswith("code/") for name in names):
        what = "holds weights without the model's code: torch.save wrote it, and TorchScript is asked for."
        return WrongFormat(what=what, fix=fix)
    return None


def _openvino(head: bytes, _: BufferedReader) -> WrongFormat | None:
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return None
    what = f"is no OpenVINO graph: it begins with {head[:4]!r}, and XML with b'<'."
    return WrongFormat(
        what=what, fix="Convert the model with ovc, which writes the graph (.xml) and its weights (.bin)."
    )


_BY_BACKEND: Mapping[str, Callable[[bytes, BufferedReader], WrongFormat | None]] = {
    "tensorrt": _plan,
    "pytorch": _torch,
    "openvino": _openvino,
}
