"""The Service of the measurements does what kube-proxy's rules do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from measuring.service import Endpoint, Service


@asynccontextmanager
async def pod(name: str) -> AsyncIterator[Endpoint]:
    """Answers every line with its own name, and ends a connection at `bye`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if line == b"bye\n":
                break
            writer.write(f"{name}\n".encode())
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield Endpoint(name, listener.sockets[0].getsockname()[1])
    finally:
        listener.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(b"who\n")
    return (await asyncio.wait_for(reader.readline(), 5)).decode().strip()


def test_a_removed_pod_keeps_its_connections_and_gets_no_new_ones() -> None:
    async def go() -> None:
        async with pod("a") as a, pod("b") as b:
            service = Service()
            port = await service.open()
            service.add(a)
            service.add(b)
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
            before = [await ask(*connection) for connection in held]
            assert sorted(before) == ["a", "a", "b", "b"]
            service.remove("a")
            assert [await ask(*connection) for connection in held] == before
            late = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
            assert [await ask(*connection) for connection in late] == ["b"] * 4
            for _, writer in (*held, *late):
                writer.close()
            await service.close()

    asyncio.run(go())


def test_the_end_of_a_connection_reaches_the_client() -> None:
    async def go() -> None:
        async with pod("a") as a:
            service = Service()
            port = await service.open()
            service.add(a)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"bye\n")
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
            await service.close()

    asyncio.run(go())


def test_a_pod_that_does_not_listen_resets() -> None:
    async def go() -> None:
        async with pod("a") as gone:
            pass
        service = Service()
        port = await service.open()
        service.add(gone)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(1), 5)
        writer.close()
        await service.close()

    asyncio.run(go())
