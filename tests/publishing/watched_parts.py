"""A real store whose uploads in parts stop where a test wants it, and what a test asks of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from publishing.parts import Part, Parts
from publishing.store import Store

Before = Callable[[str, str], None]
"""Told of each call before it is made: its name, and the upload's."""


class WatchedParts(Parts):
    def __init__(self, url: str, endpoint: str, before: Before) -> None:
        super().__init__(url, region=None, endpoint=endpoint)
        self._before = before

    def begin(self, path: str) -> str:
        self._before("begin", "")
        return super().begin(path)

    def there(self, path: str, upload: str) -> Mapping[int, Part]:
        self._before("there", upload)
        return super().there(path, upload)

    def send(self, path: str, upload: str, number: int, piece: bytes) -> Part:
        self._before("send", upload)
        return super().send(path, upload, number, piece)

    def finish(self, path: str, upload: str, parts: Sequence[Part]) -> str | None:
        self._before("finish", upload)
        return super().finish(path, upload, parts)

    def give_up(self, path: str, upload: str) -> None:
        self._before("give up", upload)
        super().give_up(path, upload)


class WatchedStore(Store):
    def __init__(self, url: str, before: Before) -> None:
        super().__init__(url)
        self._before = before

    def parts(self) -> Parts:
        return WatchedParts(self.url, os.environ["AWS_ENDPOINT_URL"], self._before)


def parts_of(url: str) -> Parts:
    return Parts(url, region=None, endpoint=os.environ["AWS_ENDPOINT_URL"])


def unfinished(url: str, path: str) -> set[str]:
    """The uploads of one object that are there. MinIO lists no others."""
    parts = parts_of(url)
    at = parts._at(path)  # pyright: ignore[reportPrivateUsage]
    found = parts._client.list_multipart_uploads(Bucket=at["Bucket"], Prefix=at["Key"])  # pyright: ignore
    return {one["UploadId"] for one in found.get("Uploads", ())}
