"""Requests that cost their client next to nothing: one body, built once, on connections that stay.

`measuring.clients` builds each request anew by NVIDIA's library, as users do, at some 0.7 ms of a core each. On two
cores a profile of a small model would then be one of its client.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol, cast

import numpy as np

from local.client import Array, InferInput, numpy_type
from local.errors import CannotServeError
from local.sample import SAMPLE_FILE
from measuring.profile.server import ConfigSaid
from measuring.question import Question, Tensor
from measuring.records import Failed, Kind, Ok, Outcome

MOST_CONNECTIONS = 256
"""Of one client; a request that finds all of them busy waits, and its latency counts that. A Triton that answers more
at once loses some of the answers for good: its HTTP library hands them to their threads by socket pairs and gives up
where one is full, at 277 with Linux' own buffers (libevhtp, src/thread.c, evthr_defer). Triton 24.10 answered all of
some 350,000 with 192 and 256 connections, and lost 3 to 136 of each 35,000 with 300 and 420."""


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
        self._idle: list[_Connection] = []
        self._turns = asyncio.Semaphore(MOST_CONNECTIONS)

    async def prepare(self) -> None:
        """Nothing has to be known."""

    async def connect(self, count: int) -> None:
        """Open so many connections beforehand, so that no request pays for it. Raises OSError."""
        loop = asyncio.get_running_loop()
        while len(self._idle) < count:
            _, connection = await loop.create_connection(_Connection, self._host, self._port)
            self._idle.append(connection)

    async def ask(self) -> Outcome:
        async with self._turns:
            try:
                if not self._idle:
                    await self.connect(1)
            except OSError as error:
                return Failed(Kind.REFUSED, str(error))
            connection = self._idle.pop()
            outcome = await connection.ask(self._request, self._timeout_s)
            if connection.usable:
                self._idle.append(connection)
            return outcome

    async def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()


class _Connection(asyncio.Protocol):
    """One kept-alive connection, one request at a time. Triton's answers carry their length."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Outcome] | None = None
        self._read = b""
        self.usable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._read = data if not self._read else self._read + data
        head, end, body = self._read.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        status = int(head.split(b" ", 2)[1])
        self._read = b""
        self._end(Ok() if status == HTTPStatus.OK else Failed(Kind.STATUS, f"{status}: {_text(body)}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        self._end(Failed(Kind.DISCONNECTED, str(exc or "the server closed the connection")))

    def close(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    async def ask(self, request: bytes, timeout_s: float) -> Outcome:
        loop = asyncio.get_running_loop()
        if self._transport is None or not self.usable:
            return Failed(Kind.DISCONNECTED, "the server closed the connection")
        self._answer = loop.create_future()
        late = loop.call_later(timeout_s, self._give_up, timeout_s)
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            late.cancel()

    def _give_up(self, timeout_s: float) -> None:
        self._end(Failed(Kind.TIMEOUT, f"no answer within {timeout_s:g} s"))
        self.close()

    def _end(self, outcome: Outcome) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(outcome)


_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


def _text(body: bytes) -> str:
    return body[:200].decode(errors="replace")
