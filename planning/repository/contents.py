"""Reading the files of a repository: each once, for its digest and, if it is an ONNX model, its signature."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from io import BufferedReader
from pathlib import Path

from planning.repository.formats import WrongFormat, wrong_format
from planning.repository.graph import MAX_PROTOBUF_BYTES, Graph, NotOnnx, read_graph
from planning.repository.python_code import PythonCode, read_python
from planning.repository.vllm_engine import EngineArguments, read_engine_arguments

_READING_THREADS = 4
"""hashlib lets go of the interpreter lock, so that hashing uses the cores and waits for the disk at once."""

_BIG_BYTES = 256 * 2**20
_ONE_BIG_AT_A_TIME = threading.Lock()
"""An ONNX file is held in memory while it is parsed, about twice; four of the largest would be 16 GB."""


class Kind(Enum):
    """What a file is read as."""

    BYTES = "bytes"
    ONNX = "ONNX"
    PYTHON = "Python"
    ENGINE_ARGUMENTS = "vLLM's engine arguments"
    TENSORRT = "tensorrt"
    PYTORCH = "pytorch"
    OPENVINO = "openvino"
    FIL = "fil"


_PARSERS = {Kind.PYTHON: read_python, Kind.ENGINE_ARGUMENTS: read_engine_arguments}
_FORMATS = (Kind.TENSORRT, Kind.PYTORCH, Kind.OPENVINO, Kind.FIL)

Says = Graph | NotOnnx | PythonCode | EngineArguments | WrongFormat | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What reading a file gave: its size in bytes, its SHA-256, and what it says if it was read as more than bytes."""

    size: int
    sha256: str
    says: Says = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    path: Path
    kind: Kind = Kind.BYTES


def read_all(wanted: list[Wanted]) -> dict[Path, Contents | OSError]:
    """Read each file once, several at a time."""
    with ThreadPoolExecutor(_READING_THREADS) as pool:
        return {one.path: contents for one, contents in zip(wanted, pool.map(_read, wanted), strict=True)}


def _read(wanted: Wanted) -> Contents | OSError:
    try:
        with wanted.path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return OSError(0, "it is not a regular file")
            if wanted.kind in _PARSERS and status.st_size <= _BIG_BYTES:
                data = file.read()
                return Contents(size=len(data), sha256=_digest_of(data), says=_PARSERS[wanted.kind](data))
            if wanted.kind in _FORMATS:
                wrong = wrong_format(wanted.kind.value, file)
                return Contents(size=status.st_size, sha256=_digest(file), says=wrong)
            if wanted.kind is not Kind.ONNX:
                return Contents(size=status.st_size, sha256=_digest(file))
            if status.st_size > MAX_PROTOBUF_BYTES:
                too_big = NotOnnx(
                    what=f"has {status.st_size} bytes, and a protobuf file at most {MAX_PROTOBUF_BYTES}.",
                    fix="Save it with external data: onnx.save_model(…, save_as_external_data=True).",
                )
                return Contents(size=status.st_size, sha256=_digest(file), says=too_big)
            with _ONE_BIG_AT_A_TIME if status.st_size > _BIG_BYTES else contextlib.nullcontext():
                data = file.read()
                return Contents(size=len(data), sha256=_digest_of(data), says=read_graph(data))
    except OSError as error:
        return error


def _digest(file: BufferedReader) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
