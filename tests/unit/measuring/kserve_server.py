"""The least of the KServe v2 protocol over HTTP on loopback, misbehaving where a test says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

Behaviour = Literal["right", "wrong", "error", "cut", "never"]

METADATA = {"name": "m", "outputs": [{"name": "Y", "datatype": "FP32", "shape": [2]}]}


@dataclass(slots=True)
class Server:
    port: int = 0
    behaviour: Behaviour = "right"
    connections: int = 0
    most: int = 0
    """Connections that were open at once."""
    tasks: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.tasks.add(asyncio.current_task())
        self.most = max(self.most, sum(task is not None and not task.done() for task in self.tasks))
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().lower().splitlines()
                lengths = [int(line.split(":")[1]) for line in lines if line.startswith("content-length:")]
                await reader.readexactly(lengths[0] if lengths else 0)
                status, body = 200, json.dumps(METADATA)
                if lines[0].startswith("post"):
                    if self.behaviour == "cut":
                        return
                    if self.behaviour == "never":
                        await asyncio.sleep(60)
                    shape = [3] if self.behaviour == "wrong" else [2]
                    output = {"name": "Y", "datatype": "FP32", "shape": shape, "data": [0.5] * shape[0]}
                    body = json.dumps({"model_name": "m", "outputs": [output]})
                    if self.behaviour == "error":
                        status, body = 500, json.dumps({"error": "it is broken"})
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(behaviour: Behaviour = "right") -> AsyncIterator[Server]:
    server = Server(behaviour=behaviour)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in server.tasks:
            assert task is not None
            task.cancel()
        await asyncio.gather(*(task for task in server.tasks if task is not None), return_exceptions=True)
