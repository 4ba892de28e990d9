"""What stands between a client and a store on loopback and counts what the client sends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(slots=True)
class CountingProxy:
    """`sent` bytes, headers and all, that went through to the store."""

    endpoint: str = ""
    sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, amount: int) -> None:
        with self._lock:
            self.sent += amount


@contextmanager
def counting(endpoint: str) -> Generator[CountingProxy]:
    """A proxy before `endpoint`, as long as the block lasts."""
    split = urlsplit(endpoint)
    store = split.hostname or "", split.port or 80
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = CountingProxy(endpoint=f"http://127.0.0.1:{listening.getsockname()[1]}")

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    there = socket.create_connection(store)
                    threading.Thread(target=_pass_on, args=(client, there, proxy.count), daemon=True).start()
                    threading.Thread(target=_pass_on, args=(there, client, lambda _: None), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield proxy
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def _pass_on(source: socket.socket, target: socket.socket, count: Callable[[int], None]) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            target.sendall(content)
            count(len(content))
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
