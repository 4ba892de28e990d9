"""Requests that cost their client next to nothing: one body, built once, on connections that stay.

`measuring.clients` builds each request anew by NVIDIA's library, as users do, at some 0.7 ms of a core each. On two
cores a profile of a small model would then be one of its client.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np

from local.client import Array, InferInput, numpy_type
from local.errors import CannotServeError
from local.sample import SAMPLE_FILE
from measuring.profile.server import ConfigSaid
from measuring.question import Question, Tensor
from measuring.records import Failed, Kind, Ok, Outcome

GREATEST_ANSWER = 2**24
"""Bytes of an answer's header block that are read at once."""


class _HttpLibrary(Protocol):
    def InferInput(self, name: str, shape: list[int], datatype: str) -> InferInput: ...  # noqa: N802

    InferenceServerClient: _RequestBuilder


class _RequestBuilder(Protocol):
    def generate_request_body(self, inputs: Sequence[InferInput]) -> tuple[bytes, int | None]: ...


def one_row(question: Question | None, config: ConfigSaid) -> tuple[Tensor, ...]:
    """The inputs of a request of one row: the sample's first, or zeros where the config alone says all of their shape.

    Raises CannotServeError where nothing true can be made up: of a size that is free and of a text, the content decides
    how long the model takes."""
    if question is not None:
        if config.max_batch_size == 0:
            return question.inputs
        return tuple(Tensor(t.name, t.datatype, t.values[:1]) for t in question.inputs)
    tensors: list[Tensor] = []
    for given in config.input:
        datatype = given.data_type.removeprefix("TYPE_").replace("STRING", "BYTES")
        why = None
        if any(dim < 0 for dim in given.dims):
            why = f"has dims {given.dims}, and how long the model takes depends on the size"
        elif datatype == "BYTES":
            why = "is text, and how long the model takes depends on it"
        if why is not None:
            raise CannotServeError(
                f"Input {given.name!r} of {config.name!r} {why}, so it cannot be made up: write {SAMPLE_FILE} beside"
                " the model (docs/samples.md) and name its repository with --repository."
            )
        shape = [1, *given.dims] if config.max_batch_size else given.dims
        tensors.append(Tensor(given.name, datatype, np.zeros(shape, numpy_type(datatype))))
    return tuple(tensors)


def body_of(model: str, host: str, inputs: Sequence[Tensor], rows: int) -> bytes:
    """An HTTP request with `rows` times the row of `inputs` (as they are where `rows` is 0)."""
    try:
        library = cast("_HttpLibrary", importlib.import_module("tritonclient.http"))
    except (ImportError, RuntimeError) as error:
        raise CannotServeError(f"tritonclient[http] is not installed here: {error}.") from error
    given: list[InferInput] = []
    for one in inputs:
        values: Array = np.concatenate([one.values] * rows) if rows > 1 else one.values
        tensor = library.InferInput(one.name, list(values.shape), one.datatype)
        tensor.set_data_from_numpy(values)
        given.append(tensor)
    body, header = library.InferenceServerClient.generate_request_body(given)
    lines = [f"POST /v2/models/{model}/infer HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    if header is not None:
        lines.append(f"Inference-Header-Content-Length: {header}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Prebuilt:
    """A client of `measuring.load.send`: sends `request` again and again, each on a connection of its own until it is
    answered. An answer counts as right where its status does: what is in it, `tritonup traffic` judges."""

    def __init__(self, target: str, request: bytes, timeout_s: float) -> None:
        host, _, port = target.rpartition(":")
        self._host, self._port, self._request, self._timeout_s = host, int(port), request, timeout_s
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def prepare(self) -> None:
        """Nothing has to be known."""

    async def connect(self, count: int) -> None:
        """Open so many connections beforehand, so that no request pays for it."""
        while len(self._idle) < count:
            self._idle.append(await asyncio.open_connection(self._host, self._port, limit=GREATEST_ANSWER))

    async def ask(self) -> Outcome:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._ask()
        except TimeoutError:
            return Failed(Kind.TIMEOUT, f"no answer within {self._timeout_s:g} s")
        except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError) as error:
            return Failed(Kind.DISCONNECTED, str(error) or type(error).__name__)
        except OSError as error:
            return Failed(Kind.REFUSED, str(error))

    async def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _ask(self) -> Outcome:
        if not self._idle:
            await self.connect(1)
        reader, writer = self._idle.pop()
        whole = False
        try:
            writer.write(self._request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = await reader.readexactly(_length(head))
            whole = True
        finally:
            if whole:
                self._idle.append((reader, writer))
            else:
                writer.close()
        status = int(head.split(b" ", 2)[1])
        return Ok() if status == 200 else Failed(Kind.STATUS, f"{status}: {body[:200].decode(errors='replace')}")


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0
