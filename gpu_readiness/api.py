"""The two calls of the Kubernetes API that the program makes: watching nodes and patching one.

By the account of the pod that it runs in, whose token is read anew for each call, because it is renewed on disk.
"""

from __future__ import annotations

import http.client
import json
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

PAGE = 100
"""Nodes of one answer: a node's text has some 10 kB, and thousands of them must not be held at once."""

WATCH_S = 240
"""A watch is asked to end after this, and is begun anew."""

SILENT_S = 90.0
"""A watch that says nothing for so long is taken for broken: bookmarks come about every minute (apiserver
pkg/storage/cacher, defaultBookmarkFrequency). A patch has as long to be answered."""


class ApiError(Exception):
    """The API server did not answer, or refused. `status` is HTTP's, None where there was no answer."""

    def __init__(self, doing: str, status: int | None, why: str) -> None:
        super().__init__(f"{doing}: {why}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Of a watch: what happened to the node in `body`."""

    kind: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    body: Mapping[str, Any]


class Api:
    """`account` holds `token` and `ca.crt`. OSError where the certificate is not there."""

    def __init__(self, server: str, account: Path = ACCOUNT) -> None:
        self._server = server.rstrip("/")
        self._token = account / "token"
        self._trusting = ssl.create_default_context(cafile=str(account / "ca.crt"))

    def each_node(self, look: Callable[[Mapping[str, Any]], None]) -> str:
        """`look` at every node that there is. The version from which a watch goes on."""
        doing, after = "listing nodes", ""
        while True:
            asked = urlencode({"limit": str(PAGE), **({"continue": after} if after else {})})
            with closing(self._call(doing, "GET", f"/api/v1/nodes?{asked}")) as answer:
                page = _json(doing, _read(doing, answer.read))
            for body in page["items"]:
                look(body)
            after = page["metadata"].get("continue")
            if not after:
                return page["metadata"]["resourceVersion"]

    def watch(self, version: str) -> Iterator[Event]:
        """What happens to nodes after `version`, until the watch ends. ApiError when it must begin from a list."""
        asked = urlencode(
            {
                "watch": "true",
                "resourceVersion": version,
                "timeoutSeconds": str(WATCH_S),
                "allowWatchBookmarks": "true",
            }
        )
        doing = "watching nodes"
        with closing(self._call(doing, "GET", f"/api/v1/nodes?{asked}")) as answer:
            while line := _read(doing, answer.readline):
                said = _json(doing, line)
                if said["type"] == "ERROR":
                    raise ApiError(doing, said["object"].get("code"), str(said["object"].get("message")))
                yield Event(kind=said["type"], body=said["object"])

    def patch_node(self, name: str, patch: Sequence[Mapping[str, object]]) -> None:
        """Apply a JSON patch. ApiError with status 422 where one of its tests does not hold."""
        body = json.dumps(list(patch)).encode()
        with closing(self._call(f"patching {name}", "PATCH", f"/api/v1/nodes/{quote(name, safe='')}", body)) as answer:
            _read(f"patching {name}", answer.read)

    def _call(self, doing: str, method: str, path: str, body: bytes | None = None) -> http.client.HTTPResponse:
        try:
            request = urllib.request.Request(  # noqa: S310  the address is the cluster's own
                f"{self._server}{path}",
                data=body,
                method=method,
                headers={
                    "Authorization": f"Bearer {self._token.read_text(encoding='ascii').strip()}",
                    "Accept": "application/json",
                    **({"Content-Type": "application/json-patch+json"} if body is not None else {}),
                },
            )
            return urllib.request.urlopen(request, timeout=SILENT_S, context=self._trusting)  # noqa: S310
        except urllib.error.HTTPError as refused:
            with refused:
                raise ApiError(doing, refused.code, refused.read(2000).decode(errors="replace")) from None
        except (OSError, http.client.HTTPException) as failed:
            raise ApiError(doing, None, str(failed) or type(failed).__name__) from None


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
