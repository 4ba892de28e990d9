"""A Kubernetes Service in one process: what a client sees of kube-proxy, on loopback, without a cluster.

As kube-proxy's packet rules do, it chooses an endpoint for each new connection, among those that it believes to be
there, and then leaves that connection where it is, whatever becomes of the endpoint (Kubernetes, "Virtual IPs and
Service Proxies"). How late it learns that an endpoint has gone is the caller's to say. Unlike packet rules it ends
a connection itself: where the endpoint refuses, the client sees a reset instead of a refusal.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass

from local.ports import LOOPBACK

CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a pod listens, on loopback."""

    pod: str
    port: int


class Service:
    """One port in front of several pods' ports. Open it, add endpoints, and close it."""

    def __init__(self) -> None:
        self._endpoints: list[Endpoint] = []
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def open(self) -> int:
        """The port that clients connect to."""
        self._server = await asyncio.start_server(self._carry, LOOPBACK, 0)
        return int(self._server.sockets[0].getsockname()[1])

    def add(self, endpoint: Endpoint) -> None:
        self._endpoints.append(endpoint)

    def remove(self, pod: str) -> None:
        """No new connection goes to `pod`; those that it has stay."""
        self._endpoints = [endpoint for endpoint in self._endpoints if endpoint.pod != pod]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if not self._endpoints:
                _reset(writer)
                return
            self._turn += 1
            endpoint = self._endpoints[self._turn % len(self._endpoints)]
            try:
                from_pod, to_pod = await asyncio.open_connection(LOOPBACK, endpoint.port)
            except OSError:
                _reset(writer)
                return
            for one in (writer, to_pod):
                one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.gather(_pipe(reader, to_pod, writer), _pipe(from_pod, writer, to_pod))
            for one in (writer, to_pod):
                one.close()
        except asyncio.CancelledError:  # the service closes; asyncio's server would report it as an error
            _reset(writer)
        finally:
            self._open.discard(task)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
    """Pass everything on until the end of it, the end included; a reset goes both ways, as it would on a wire."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
    except OSError:
        _reset(writer)
        _reset(back)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset: lingering for 0 s does that (socket(7))."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
