"""What a store that nobody has logged in to is told as."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from publishing.store import Store, StoreError


@pytest.fixture
def no_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_login: None) -> Iterator[str]:
    """A machine whose metadata server, for both clouds, knows of no identity. Its `host:port`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        host = f"127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://{host}")
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        monkeypatch.setenv("GCE_METADATA_IP", host)
        yield host
        server.shutdown()


@pytest.mark.parametrize(
    ("url", "ways"),
    [
        ("s3://models/triton", ("no AWS credentials", "AWS_ACCESS_KEY_ID", "aws configure export-credentials")),
        ("gs://models/triton", ("no credentials for Google Cloud", "gcloud auth", "GOOGLE_APPLICATION_CREDENTIALS")),
    ],
)
def test_who_has_not_logged_in_is_told_how_and_after_that_what_the_library_said(
    no_identity: str, url: str, ways: tuple[str, ...]
) -> None:
    with pytest.raises(StoreError) as refused:
        Store(url).list("vision")
    told, _, raw = str(refused.value).partition(" The store's library said: ")
    assert all(way in told for way in (*ways, "--store ./directory"))
    assert told.startswith(f"{url}/vision: ")
    assert no_identity in raw
    assert no_identity not in told


def test_a_store_that_fails_who_has_logged_in_is_not_told_as_a_missing_login(
    no_identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{no_identity}")
    with pytest.raises(StoreError) as refused:
        Store("s3://models/triton").list("vision")
    assert "credentials were found" not in str(refused.value)
