"""An S3 of one object that does as it should for signed requests, and answers signed URLs as a test wants it."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SILENT_S = 3


class Answer(Enum):
    RIGHT = auto()
    REFUSED = auto()
    WHOLE = auto()
    """All of the object, whatever range was asked for."""
    SHORTER = auto()
    """Half of the range, said to be that."""
    CUT_OFF = auto()
    """Half of the range, and then nothing."""
    SILENT = auto()
    """Half of the range, and then nothing for some seconds."""
    SILENT_AFTER_ITS_HEAD = auto()
    """Nothing of the range for some seconds."""
    ENDED = auto()
    """The connection, before it was used again."""


@dataclass(slots=True, kw_only=True)
class FaultyS3:
    """`by_url` and `by_header` are the requests of each kind, by their path."""

    port: int
    content: bytes
    answer: Answer = Answer.RIGHT
    by_url: list[str] = field(default_factory=list[str])
    by_header: list[str] = field(default_factory=list[str])


@contextmanager
def faulty_s3(content: bytes, tls: ssl.SSLContext | None = None) -> Generator[FaultyS3]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            signed_url = "X-Amz-Signature=" in self.path
            (state.by_url if signed_url else state.by_header).append(self.path.partition("?")[0])
            first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
            part = state.content[int(first) : int(last) + 1]
            with suppress(OSError):
                self._answer(part, int(first), state.answer if signed_url else Answer.RIGHT)

        def _answer(self, part: bytes, first: int, answer: Answer) -> None:
            match answer:
                case Answer.REFUSED:
                    self._send(403, b"<Error/>", "")
                case Answer.WHOLE:
                    self._send(200, state.content, "")
                case Answer.SHORTER:
                    self._send(206, part[: len(part) // 2], f"{first}-{first + len(part) // 2 - 1}")
                case Answer.CUT_OFF | Answer.SILENT | Answer.SILENT_AFTER_ITS_HEAD:
                    sent = 0 if answer is Answer.SILENT_AFTER_ITS_HEAD else len(part) // 2
                    self._send(206, part, f"{first}-{first + len(part) - 1}", sent=sent)
                    self.close_connection = True
                    time.sleep(0 if answer is Answer.CUT_OFF else SILENT_S)
                case _:
                    self._send(206, part, f"{first}-{first + len(part) - 1}")
                    self.close_connection = answer is Answer.ENDED

        def _send(self, status: int, body: bytes, at: str, sent: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Range", f"bytes {at}/{len(state.content)}")
            self.send_header("ETag", '"one"')
            self.send_header("Last-Modified", "Sat, 28 Nov 2026 09:00:00 GMT")
            self.end_headers()
            self.wfile.write(body[:sent])

        def log_message(self, format: str, *args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None: ...

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        state = FaultyS3(port=server.server_address[1], content=content)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        try:
            yield state
        finally:
            server.shutdown()
