"""Answers that no healthy registry gives, from a server on loopback that gives nothing else."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cli.registry import DeniedError, NotThereError, Registries, RegistryError, UnreachableError

REGISTRIES = Registries(credentials=lambda _host: None, plain_http=True, answer_seconds=2)


@contextmanager
def answering(status: int, body: bytes, headers: dict[str, str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "says"),
    [
        (200, b"<html>", {}, RegistryError, "the manifest of 1 cannot be read"),
        (200, b"{}", {}, RegistryError, "neither an image nor an index"),
        (200, b'{"schemaVersion": 1, "fsLayers": []}', {}, RegistryError, "neither an image nor an index"),
        (200, b'{"manifests": [{"digest": "sha256:0"}]}', {}, RegistryError, "the manifest of 1 cannot be read"),
        (401, b"", {}, DeniedError, "HOST wants a login"),
        (403, b"", {}, DeniedError, "docker login HOST"),
        (404, b"", {}, NotThereError, "no such image"),
        (429, b"", {}, RegistryError, "asked too often"),
        (503, b"", {}, RegistryError, "status 503"),
        (301, b"", {"Location": "http://127.0.0.1:9/"}, UnreachableError, "HOST cannot be reached"),
    ],
)
def test_an_answer_that_is_of_no_use_is_told_as_what_it_is(
    status: int, body: bytes, headers: dict[str, str], error: type[RegistryError], says: str
) -> None:
    with answering(status, body, headers) as host, pytest.raises(error) as refused:
        REGISTRIES.resolve(f"{host}/x", "1")
    assert says.replace("HOST", host) in str(refused.value)
    assert host in str(refused.value)


def test_a_digest_is_computed_where_the_registry_names_none() -> None:
    body = b'{"manifests": []}'
    with answering(200, body, {}) as host:
        resolved = REGISTRIES.resolve(f"{host}/x", "1")
    assert resolved.digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
