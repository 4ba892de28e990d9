"""NGC on loopback: two hosts, one that is asked and one that signed URLs lead to.

No real NGC could be reached where this was written. It answers as NVIDIA's SDK expects (ngcsdk 4.37.0:
`registry/api/models.py`, `ngcbase/api/authentication.py`, `ngcbase/api/pagination.py`) and as NVIDIA's definition of
the interface says (stackql-registry/stackql-provider-nvidia, `ngc_models.json`); a refusal has NGC's own envelope.
The SDK itself, pointed here by hand on 2026-11-28, fetched a model whole with a personal key, with an older one and
without.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

PERSONAL = "nvapi-of-the-test"
OLDER = "b2xkZXIga2V5"


@dataclass(frozen=True, slots=True)
class Asked:
    host: str
    path: str
    query: tuple[tuple[str, str], ...]
    authorization: str | None
    range: str | None


@dataclass(kw_only=True)
class Model:
    """One version. `digests` and `sizes` are what is listed where that is not what is sent, None for no digest."""

    files: dict[str, bytes]
    digests: dict[str, bytes | None] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    public: bool = False
    status: str = "UPLOAD_COMPLETE"


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that has what it wanted, or gave up
            super().handle_error(request, client_address)


@dataclass(kw_only=True)
class LoopbackNgc:
    """`models` by `org[/team]/name` and version. Of every file request, `breaks` bytes are sent and no more, as often
    as the list is long; `refuses` are statuses that are answered first, by the end of the path."""

    models: dict[str, dict[str, Model]]
    page: int = 100
    breaks: list[int] = field(default_factory=list)
    refuses: dict[str, list[int]] = field(default_factory=dict)
    says: str = "no such thing"
    keeps_ranges: bool = True
    moved: bool = False
    terms: bool = False
    signs: str | None = None
    """The URL of every file, where that is none of this server."""
    urls_for: int = 1
    """How often a signed URL is good."""

    def __post_init__(self) -> None:
        self.asked: list[Asked] = []
        self.signed: dict[str, int] = {}
        self.tokens = 0
        self.good_tokens: set[str] = set()
        self._servers = [_Server(("127.0.0.1", 0), self._handler(name)) for name in ("api", "files")]
        for server in self._servers:
            Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.api, self.store = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def of(self, host: str) -> list[Asked]:
        return [one for one in self.asked if one.host == host]

    def answer(self, path: str, query: dict[str, list[str]], authorization: str | None) -> tuple[int, object]:
        if path == "/token":
            return self._token(authorization)
        if self.moved and "moved" not in query:
            return 307, f"{self.store}{path}?moved=1"
        parts = path.strip("/").split("/")
        guest = parts[:2] == ["v2", "models"]
        bearer = (authorization or "").removeprefix("Bearer ")
        knows = bearer == PERSONAL or bearer in self.good_tokens
        if not guest and not knows:
            return self._refusal(401)
        found = self._found(parts, guest=guest)
        if found is None:
            return self._refusal(404)
        name, version, rest = found
        versions = self.models.get(name)
        if versions is None or (guest and not any(one.public for one in versions.values())):
            return self._refusal(404)
        if version is None:
            return 200, {"model": {"name": name, "latestVersionIdStr": list(versions)[-1]}}
        model = versions.get(version)
        if model is None:
            return self._refusal(404)
        if not rest:
            return 200, {"modelVersion": {"versionId": version, "status": model.status}}
        if self.terms:
            return self._refusal(412)
        return self._page(model, query) if "path" not in query else self._sign(name, version, model, query["path"][0])

    def _found(self, parts: list[str], *, guest: bool) -> tuple[str, str | None, bool] | None:
        """Model, version, and whether it is about files; the signed URLs have a path of another form."""
        rest = parts[2:] if guest else parts[1:]
        if rest[:1] == ["org"]:
            org, team, rest = rest[1], None, rest[2:]
            if rest[:1] == ["team"]:
                team, rest = rest[1], rest[2:]
            if not guest:
                if rest[:1] != ["models"]:
                    return None
                rest = rest[1:]
            name = "/".join(part for part in (org, team, rest[0]) if part)
            if len(rest) == 3 and rest[2] == "files":
                return name, rest[1], True
            rest = rest[1:]
        else:
            at = rest.index("versions") if "versions" in rest else len(rest)
            name, rest = "/".join(rest[:at]), rest[at:]
        if not rest:
            return name, None, False
        return (name, rest[1], rest[2:] == ["files"]) if rest[0] == "versions" and len(rest) <= 3 else None

    def _token(self, authorization: str | None) -> tuple[int, object]:
        if authorization != "Basic " + base64.b64encode(f"$oauthtoken:{OLDER}".encode()).decode():
            return self._refusal(401)
        self.tokens += 1
        self.good_tokens = {f"token-{self.tokens}"}
        return 200, {"token": f"token-{self.tokens}", "expires_in": 600}

    def _page(self, model: Model, query: dict[str, list[str]]) -> tuple[int, object]:
        rows: list[dict[str, object]] = []
        for path, content in model.files.items():
            listed = model.digests.get(path, hashlib.sha256(content).digest())
            row: dict[str, object] = {
                "path": path,
                "sizeInBytes": model.sizes.get(path, len(content)),
                "createdDate": "2026-01-01T00:00:00.0Z",
            }
            rows.append(row if listed is None else {**row, "sha256_base64": base64.b64encode(listed).decode()})
        page = int(query.get("page-number", ["0"])[0])
        few = rows[page * self.page : (page + 1) * self.page]
        pages = {"index": page, "totalPages": -(-len(rows) // self.page), "totalResults": len(rows), "size": len(few)}
        return 200, {"modelFiles": few, "paginationInfo": pages}

    def _sign(self, name: str, version: str, model: Model, path: str) -> tuple[int, object]:
        if path not in model.files:
            return self._refusal(404)
        signature = f"s{len(self.signed)}"
        self.signed[signature] = self.urls_for
        url = f"{self.store}/bucket/{name}/{quote(version)}?file={quote(path)}&signature={signature}"
        return 200, {"urls": [self.signs or url], "filepath": [path]}

    def _refusal(self, status: int) -> tuple[int, object]:
        return status, {"requestStatus": {"statusCode": "REFUSED", "statusDescription": self.says, "requestId": "1"}}

    def _handler(ngc, host: str) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                path = unquote(url.path)
                query = parse_qs(url.query)
                authorization = self.headers.get("Authorization")
                asked = self.headers.get("Range")
                ngc.asked.append(Asked(host, path, tuple(parse_qsl(url.query)), authorization, asked))
                for end, statuses in ngc.refuses.items():
                    if path.endswith(end) and statuses:
                        self.told(*ngc._refusal(statuses.pop(0)))
                        return
                if path.startswith("/bucket/"):
                    self.sent(path, query, asked)
                else:
                    self.told(*ngc.answer(path, query, authorization))

            def told(self, status: int, body: object) -> None:
                content = json.dumps(body).encode() if status != 307 else b""
                self.send_response(status)
                if status == 307:
                    self.send_header("Location", str(body))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def sent(self, path: str, query: dict[str, list[str]], asked: str | None) -> None:
                signature = query["signature"][0]
                ngc.signed[signature] = left = ngc.signed.get(signature, 0) - 1
                if left < 0 or self.headers.get("Authorization"):
                    self.told(*ngc._refusal(403))  # as S3 does, which takes one kind of signature and not two
                    return
                name, _, version = path.removeprefix("/bucket/").rpartition("/")
                content = ngc.models[name][version].files[query["file"][0]]
                wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "") if ngc.keeps_ranges else None
                start = int(wanted[1]) if wanted else 0
                if start >= len(content) > 0:
                    self.told(416, {})
                    return
                rest = content[start : int(wanted[2]) + 1 if wanted and wanted[2] else None]
                self.send_response(206 if wanted else 200)
                if wanted:
                    self.send_header("Content-Range", f"bytes {start}-{start + len(rest) - 1}/{len(content)}")
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                cut = ngc.breaks.pop(0) if ngc.breaks else len(rest)
                self.wfile.write(rest[:cut])
                if cut < len(rest):
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
