"""One file over HTTP, that goes on where it broke off: of what has come, nothing comes twice.

The server may be asked for a range of the file (RFC 9110, 14.2). One that sends all of it instead is taken at its word,
and the file begins anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import requests

from publishing.together import Advance

CONNECT_S = 10
SILENCE_S = 60
"""How long a server may say nothing between two pieces."""

TRIES = 5
"""Requests in a row that bring no byte, before it is given up."""

FIRST_WAIT_S = 1.0
"""Doubles with every try: 15 s in all."""

_PIECE = 2**18


class LostError(Exception):
    """The file cannot be had. The message ends a sentence; it names the host, and never the URL, which may be signed:
    who has it, has the file."""


class _RefusedError(Exception):
    """An answer that is no part of the file."""


def bring(session: requests.Session, url: Callable[[], str], at: Path, size: int, advance: Advance) -> None:
    """Have the file of `size` bytes at `at`, where some of it may be. `url` is asked before every request: signed URLs
    end. LostError where it cannot be had; what has come stays for another time."""
    tries = 0
    advance(min(_size(at) or 0, size))
    while (have := _size(at)) != size:
        if have is None or have > size:
            at.write_bytes(b"")
            advance(-min(have or 0, size))
            continue
        address = url()
        try:
            _go_on(session, address, at, have, size, advance)
            why = "sent less than is listed"
        except (requests.RequestException, _RefusedError) as failed:
            why = _why(failed)
        tries = 0 if at.stat().st_size > have else tries + 1
        if tries == TRIES:
            raise LostError(f"{urlsplit(address).hostname} {why}, {TRIES} times")
        if tries:
            time.sleep(FIRST_WAIT_S * 2 ** (tries - 1))


def _size(at: Path) -> int | None:
    return at.stat().st_size if at.exists() else None


def _go_on(session: requests.Session, address: str, at: Path, have: int, size: int, advance: Advance) -> None:
    host = urlsplit(address).hostname
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with session.get(address, headers=headers, stream=True, timeout=(CONNECT_S, SILENCE_S)) as answer:
        goes_on = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if answer.status_code in (404, 410):
            raise LostError(f"{host} has it not ({answer.status_code})")
        if not goes_on and answer.status_code != 200:
            raise _RefusedError(f"answered {answer.status_code}")
        came = have if goes_on else 0
        advance(came - have)
        with at.open("ab" if goes_on else "wb") as file:
            for piece in answer.iter_content(_PIECE):
                came += len(piece)
                if came > size:
                    raise LostError(f"{host} sent more than the {size} bytes that are listed")
                file.write(piece)
                advance(len(piece))


def _why(failed: Exception) -> str:
    match failed:
        case _RefusedError():
            return str(failed)
        case requests.exceptions.SSLError():
            return "could not be talked to by TLS"
        case requests.Timeout():
            return f"said nothing for {SILENCE_S} s"
        case requests.exceptions.ChunkedEncodingError():
            return "broke off"
        case _:
            return "could not be reached"
