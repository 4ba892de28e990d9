"""Where things lie below a destination, and what a listing of it shows.

    <server>/<digest>/<model>/...                       what Triton reads, and nothing else
    <server>/signatures/<digest>/<fingerprint>.json     who says that it is whole, one file a key

A digest is published once a signature of it is there; that is written last. Signatures lie beside the directory that
a server reads: Triton ignores stray files at a repository's root, but what lies there is then exactly what is signed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from publishing.store import StoredObject

_SIGNATURES = "signatures"
_DIGEST = r"[0-9a-f]{64}"
_OBJECT = re.compile(rf"(?P<server>[^/]+)/(?P<digest>{_DIGEST})/(?P<path>.+)", re.DOTALL)
_SIGNATURE = re.compile(rf"(?P<server>[^/]+)/{_SIGNATURES}/(?P<digest>{_DIGEST})/(?P<key>{_DIGEST})\.json")


def content_prefix(server: str, digest: str) -> str:
    return f"{server}/{digest}"


def partial_prefix(server: str, digest: str) -> str:
    """Where a directory is filled until it is whole."""
    return f"{server}/.{digest}.partial"


def content_key(server: str, digest: str, path: str) -> str:
    return f"{server}/{digest}/{path}"


def signature_prefix(server: str, digest: str) -> str:
    return f"{server}/{_SIGNATURES}/{digest}"


def signature_key(server: str, digest: str, fingerprint: str) -> str:
    return f"{server}/{_SIGNATURES}/{digest}/{fingerprint}.json"


@dataclass(slots=True, kw_only=True)
class Held:
    """What a destination holds of one digest of one server: its files by their path, its signatures by the key's
    fingerprint."""

    server: str
    digest: str
    files: dict[str, StoredObject] = field(default_factory=dict[str, StoredObject])
    signatures: dict[str, StoredObject] = field(default_factory=dict[str, StoredObject])

    @property
    def published(self) -> bool:
        return bool(self.signatures)

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.files.values())

    @property
    def changed(self) -> datetime:
        """When anything of it was written last."""
        return max(one.modified for one in (*self.files.values(), *self.signatures.values()))

    @property
    def since(self) -> datetime | None:
        """When it was first published."""
        return min((one.modified for one in self.signatures.values()), default=None)


Identity = tuple[str, str]
"""A server's name and a digest."""


def read_layout(objects: Iterable[StoredObject]) -> Mapping[Identity, Held]:
    """What `objects`, a listing of a destination, say is held. What has no place in the layout is nobody's."""
    found: dict[Identity, Held] = {}
    for one in objects:
        match = _SIGNATURE.fullmatch(one.path) or _OBJECT.fullmatch(one.path)
        if match is None:
            continue
        server, digest = match["server"], match["digest"]
        held = found.setdefault((server, digest), Held(server=server, digest=digest))
        if match.re is _SIGNATURE:
            held.signatures[match["key"]] = one
        else:
            held.files[match["path"]] = one
    return found
