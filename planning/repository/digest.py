"""The digest by which what a server serves is named, and found again where it is published."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def content_digest(files: Iterable[tuple[str, str]]) -> str:
    """The digest of what a server serves, from the path (POSIX) and the SHA-256 (hex) of each file."""
    whole = hashlib.sha256()
    for path, sha256 in sorted(files):
        # A file name may hold any character but NUL, which therefore separates.
        whole.update(f"{path}\0{sha256}\0".encode(errors="surrogateescape"))
    return whole.hexdigest()
