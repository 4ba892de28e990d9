from __future__ import annotations

import socket
import threading

import pytest

from cli.registry import Registries, UnreachableError


def test_docker_hub_is_asked_at_its_api_host_and_through_the_users_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def answer() -> None:
            connection, _address = proxy.accept()
            with connection:
                asked.append(connection.recv(4096).decode().splitlines()[0])

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(UnreachableError, match=r"docker\.io cannot be reached"):
            Registries(credentials=lambda _host: None).resolve("docker.io/library/busybox", "1")
        thread.join()
    assert asked == ["CONNECT registry-1.docker.io:443 HTTP/1.0"]
