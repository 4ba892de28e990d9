"""The three kinds of client that a server meets, on NVIDIA's own asyncio clients. None of them retries.

What the libraries do by themselves stays as their users have it: aiohttp sends a POST once, gRPC sends a call again
only where the server certainly never saw it (gRFC A6, "transparent retries").
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import aiohttp

from local.client import Array, InferInput, InferResult, server_exception
from measuring.kinds import ClientKind
from measuring.question import Question
from measuring.records import Failed, Kind, Ok, Outcome, Wrong

HELD: Mapping[ClientKind, int] = {ClientKind.HTTP: 1, ClientKind.HTTP_FRESH: 1, ClientKind.GRPC: 4}
"""Pools of kept-alive connections, and channels: one pool as one process holds it, several channels because each is
one connection. More of them are more users who each ask more rarely. A choice of ours."""


class Client(Protocol):
    """Asks one question, any number of times at once."""

    async def prepare(self) -> None:
        """What has to be known before the first question. Raises CannotServeError or the library's own errors."""
        ...

    async def ask(self) -> Outcome: ...
    async def close(self) -> None: ...


class _Library(Protocol):
    def InferenceServerClient(self, url: str, **options: object) -> _AioClient: ...  # noqa: N802
    def InferInput(self, name: str, shape: list[int], datatype: str) -> InferInput: ...  # noqa: N802
    def InferRequestedOutput(self, name: str, *, class_count: int) -> object: ...  # noqa: N802


class _AioClient(Protocol):
    async def infer(
        self, model: str, inputs: Sequence[InferInput], *, outputs: Sequence[object] | None, **options: float
    ) -> InferResult: ...
    async def get_model_metadata(self, model: str, **options: bool) -> Mapping[str, Sequence[Mapping[str, object]]]: ...
    async def close(self) -> None: ...


def client_of(
    kind: ClientKind, target: str, question: Question, *, timeout_s: float, held: int | None = None
) -> Client:
    """A client of `target` (`host:port`). Build it where its event loop runs. `held` is the number of pools or
    channels that take turns; left out, as in `HELD`."""
    held = held or HELD[kind]
    match kind:
        case ClientKind.HTTP:
            return _Connected("http", target, question, timeout_s, _http(timeout_s), held)
        case ClientKind.HTTP_FRESH:
            return _Fresh(target, question, timeout_s)
        case ClientKind.GRPC:
            return _Connected("grpc", target, question, timeout_s, _GRPC, held)


def _http(timeout_s: float) -> Mapping[str, object]:
    # The library's pool of 100 would let requests wait for each other, which an open loop must not.
    return {"conn_limit": 0, "conn_timeout": timeout_s}


_GRPC: Mapping[str, object] = {
    "channel_args": [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.enable_http_proxy", 0),
        # Otherwise channels with one target share one connection.
        ("grpc.use_local_subchannel_pool", 1),
    ]
}


class _Asking:
    """A question in a library's own terms, and what comes of sending it."""

    def __init__(self, wire: str, target: str, question: Question, timeout_s: float) -> None:
        self._wire, self._target, self._question = wire, target, question
        self._library = cast("_Library", importlib.import_module(f"tritonclient.{wire}.aio"))
        self._options = {"client_timeout": timeout_s} if wire == "grpc" else {}
        self._inputs = [self._input(t.name, t.datatype, t.values) for t in question.inputs]
        self._names: list[str] = []

    def connect(self, options: Mapping[str, object]) -> _AioClient:
        return self._library.InferenceServerClient(self._target, **options)

    async def prepare(self, client: _AioClient) -> None:
        as_json = {"as_json": True} if self._wire == "grpc" else {}
        metadata = await client.get_model_metadata(self._question.model, **as_json)
        every = [str(output["name"]) for output in metadata["outputs"]]
        if self._question.needs_output_name:
            self._question = self._question.naming(every[0])
        self._names = [wanted.name for wanted in self._question.wanted] or every

    async def ask(self, client: _AioClient) -> Outcome:
        outputs = [
            self._library.InferRequestedOutput(wanted.name, class_count=wanted.classes)
            for wanted in self._question.wanted
        ]
        try:
            result = await client.infer(self._question.model, self._inputs, outputs=outputs or None, **self._options)
            answer = {name: values for name in self._names if (values := result.as_numpy(name)) is not None}
        except Exception as error:  # noqa: BLE001 - whatever the library raises is what this request came to
            return failure(error)
        try:
            fault = self._question.fault(answer)
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            fault = f"the answer cannot be read: {error}"
        return Ok() if fault is None else Wrong(fault)

    def _input(self, name: str, datatype: str, values: Array) -> InferInput:
        tensor = self._library.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values)
        return tensor


class _Connected:
    """Connections that stay: one pool, or several channels in turn."""

    def __init__(
        self, wire: str, target: str, question: Question, timeout_s: float, options: Mapping[str, object], count: int
    ) -> None:
        self._asking = _Asking(wire, target, question, timeout_s)
        self._clients = [self._asking.connect(options) for _ in range(count)]
        self._turn = 0

    async def prepare(self) -> None:
        await self._asking.prepare(self._clients[0])

    async def ask(self) -> Outcome:
        self._turn += 1
        return await self._asking.ask(self._clients[self._turn % len(self._clients)])

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


class _Fresh:
    """A connection for each request, closed after it."""

    def __init__(self, target: str, question: Question, timeout_s: float) -> None:
        self._asking = _Asking("http", target, question, timeout_s)
        self._options = _http(timeout_s)

    async def prepare(self) -> None:
        client = self._asking.connect(self._options)
        try:
            await self._asking.prepare(client)
        finally:
            await client.close()

    async def ask(self) -> Outcome:
        client = self._asking.connect(self._options)
        try:
            return await self._asking.ask(client)
        finally:
            await client.close()

    async def close(self) -> None:
        return


_GRPC_TIMEOUT = "StatusCode.DEADLINE_EXCEEDED"
_GRPC_LOST = "StatusCode.UNAVAILABLE"
_NOT_CONNECTED = ("failed to connect", "connection refused")


def failure(error: Exception) -> Failed:
    """What `error`, of aiohttp or tritonclient, says of the request."""
    text = str(error) or type(error).__name__
    match error:
        case aiohttp.ClientConnectorError():
            return Failed(Kind.REFUSED, text)
        case TimeoutError() | asyncio.TimeoutError():
            return Failed(Kind.TIMEOUT, text)
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError() | ConnectionError():
            return Failed(Kind.DISCONNECTED, text)
        case _ if isinstance(error, server_exception()):
            return Failed(_of_status(str(error)), text)
        case _:
            return Failed(Kind.OTHER, f"{type(error).__name__}: {text}")


def _of_status(text: str) -> Kind:
    """gRPC tells a lost connection and a server's own refusal by one status, UNAVAILABLE: the words differ."""
    if _GRPC_TIMEOUT in text:
        return Kind.TIMEOUT
    lowered = text.lower()
    if _GRPC_LOST in text and any(words in lowered for words in _NOT_CONNECTED):
        return Kind.REFUSED
    if _GRPC_LOST in text and any(words in lowered for words in ("socket closed", "connection reset", "goaway")):
        return Kind.DISCONNECTED
    return Kind.STATUS
