"""The calls of the Kubernetes API that our programs make, by the account of the pod that they run in.

Its token is read anew for each call, because it is renewed on disk. The standard library is all that this needs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its account (Kubernetes, "Accessing the Kubernetes API from a Pod")."""

NODES = "/api/v1/nodes"

PAGE = 100
"""Objects of one answer: a node's text has some 10 kB, and thousands of them must not be held at once."""

WATCH_S = 240
"""A watch is asked to end after this, and is begun anew."""

SILENT_S = 90.0
"""A watch that says nothing for so long is taken for broken: bookmarks come about every minute (apiserver
pkg/storage/cacher, defaultBookmarkFrequency). Other calls have as long to be answered, unless it is said otherwise."""

Body = Mapping[str, Any]
"""An object as the API server sends it, of whose many fields a handful is read."""

JsonPatch = Sequence[Mapping[str, object]]
"""RFC 6902."""


class ApiError(Exception):
    """The API server did not answer, or refused. `status` is HTTP's, None where there was no answer."""

    def __init__(self, doing: str, status: int | None, why: str) -> None:
        super().__init__(f"{doing}: {why}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Of a watch: what happened to the object in `body`."""

    kind: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    body: Body


def node_path(name: str) -> str:
    return f"{NODES}/{quote(name, safe='')}"


class Api:
    """`account` holds `token` and `ca.crt`. OSError where the certificate is not there."""

    def __init__(self, server: str, account: Path = ACCOUNT, *, silent_s: float = SILENT_S) -> None:
        self._server = server.rstrip("/")
        self._token = account / "token"
        self._trusting = ssl.create_default_context(cafile=str(account / "ca.crt"))
        self._silent_s = silent_s

    def each(self, path: str, look: Callable[[Body], None], **query: str) -> str:
        """`look` at every object of the list at `path`. The version from which a watch goes on."""
        doing, after = f"listing {_kind(path)}", ""
        while True:
            asked = urlencode({**query, "limit": str(PAGE), **({"continue": after} if after else {})})
            page = self._answer(doing, "GET", f"{path}?{asked}")
            for body in page["items"]:
                look(body)
            after = page["metadata"].get("continue")
            if not after:
                return page["metadata"]["resourceVersion"]

    def watch(self, path: str, version: str) -> Iterator[Event]:
        """What happens to them after `version`, until the watch ends. ApiError when it must begin from a list."""
        asked = urlencode(
            {
                "watch": "true",
                "resourceVersion": version,
                "timeoutSeconds": str(WATCH_S),
                "allowWatchBookmarks": "true",
            }
        )
        doing = f"watching {_kind(path)}"
        with closing(self._call(doing, "GET", f"{path}?{asked}")) as answer:
            while line := _read(doing, answer.readline):
                said = _json(doing, line)
                if said["type"] == "ERROR":
                    raise ApiError(doing, said["object"].get("code"), str(said["object"].get("message")))
                yield Event(kind=said["type"], body=said["object"])

    def get(self, path: str) -> Body:
        return self._answer(f"getting {path}", "GET", path)

    def create(self, path: str, body: Body) -> Body:
        return self._answer(f"creating at {path}", "POST", path, body, "application/json")

    def replace(self, path: str, body: Body) -> Body:
        """ApiError with status 409 where the object is not any more at the version that `body` names."""
        return self._answer(f"replacing {path}", "PUT", path, body, "application/json")

    def patch(self, path: str, patch: JsonPatch) -> Body:
        """ApiError with status 422 where one of its tests does not hold."""
        return self._answer(f"patching {path}", "PATCH", path, list(patch), "application/json-patch+json")

    def merge(self, path: str, body: Body) -> Body:
        """A strategic merge: lists whose elements have a key are merged by it."""
        return self._answer(f"patching {path}", "PATCH", path, body, "application/strategic-merge-patch+json")

    def _answer(
        self, doing: str, method: str, path: str, body: object = None, media_type: str | None = None
    ) -> dict[str, Any]:
        sent = None if media_type is None else json.dumps(body).encode()
        with closing(self._call(doing, method, path, sent, media_type)) as answer:
            return _json(doing, _read(doing, answer.read))

    def _call(
        self, doing: str, method: str, path: str, body: bytes | None = None, media_type: str | None = None
    ) -> http.client.HTTPResponse:
        try:
            request = urllib.request.Request(  # noqa: S310  the address is the cluster's own
                f"{self._server}{path}",
                data=body,
                method=method,
                headers={
                    "Authorization": f"Bearer {self._token.read_text(encoding='ascii').strip()}",
                    "Accept": "application/json",
                    **({"Content-Type": media_type} if media_type is not None else {}),
                },
            )
            return urllib.request.urlopen(request, timeout=self._silent_s, context=self._trusting)  # noqa: S310
        except urllib.error.HTTPError as refused:
            with refused:
                raise ApiError(doing, refused.code, refused.read(2000).decode(errors="replace")) from None
        except (OSError, http.client.HTTPException) as failed:
            raise ApiError(doing, None, str(failed) or type(failed).__name__) from None


def ask_where(asked: argparse.ArgumentParser) -> None:
    """Add the arguments that say which API server, and as whom."""
    asked.add_argument("--server", default=_own_server(), help="address of the API server (default: this pod's)")
    asked.add_argument("--account", type=Path, default=ACCOUNT, help="folder with `token` and `ca.crt`")


def connect(asked: argparse.ArgumentParser, given: argparse.Namespace, *, silent_s: float = SILENT_S) -> Api:
    """By those arguments. OSError where the account is not there."""
    if not given.server:
        asked.error("--server is needed outside a pod.")
    return Api(given.server, given.account, silent_s=silent_s)


def _own_server() -> str | None:
    """A pod's (Kubernetes, "Accessing the Kubernetes API from a Pod")."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return None
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _kind(path: str) -> str:
    return path.rpartition("/")[2]


def _read(doing: str, read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except (OSError, http.client.HTTPException) as failed:
        raise ApiError(doing, None, str(failed) or type(failed).__name__) from None


def _json(doing: str, text: bytes) -> dict[str, Any]:
    try:
        return json.loads(text)
    except ValueError as failed:
        # A connection that was cut in the middle of a line.
        raise ApiError(doing, None, str(failed)) from None
