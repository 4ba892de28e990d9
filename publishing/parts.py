"""S3's multipart uploads, call by call: what obstore does in one go, and neither lists nor goes on with.

API reference: CreateMultipartUpload, UploadPart, ListParts, CompleteMultipartUpload, AbortMultipartUpload. The client
is botocore's. It finds credentials where obstore does (the environment, a web identity, a container's or machine's
identity), and nothing in `~/.aws`, so that a push is one and the same identity all the way. `uploading` has the rules.

Google Cloud Storage has these calls as well ("XML API multipart uploads"), and a large file begins anew on `gs://` all
the same. They take no preconditions, so that one that is completed late writes over what was proven meanwhile; its
reference does not say what a part's entity tag is, and lists no checksum, so that nothing proves a part; and they want
an OAuth token, which botocore does not get and obstore does not hand out. Its own resumable sessions are named by a URI
that lets whoever holds it write, and this program keeps no secrets on disks.
"""

# botocore comes without types. What of it is used is typed here.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from publishing.store import (
    CONNECT_S,
    PARTS_AT_ONCE,
    REQUEST_S,
    RETRIES,
    AlreadyThereError,
    DeniedError,
    NotThereError,
    StoreError,
)

_CONNECTIONS = 6 * PARTS_AT_ONCE
"""For so many files at once as a push has under way."""

_GONE = {
    "NoSuchUpload",
    "NoSuchKey",
    "InvalidPart",
    "InvalidPartOrder",
    "ConditionalRequestConflict",
    "OperationAborted",
}
"""NoSuchUpload, InvalidPart, InvalidPartOrder: API reference, CompleteMultipartUpload, "Errors". The others answer a
condition that another request took part in ("How to prevent object overwrites with conditional writes")."""

_DENIED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "401", "403"}


class GoneError(StoreError):
    """The upload is not there any more, or not as it was: somebody else finished it, gave it up, or was quicker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part as the store has it. `sha256` in base64, where the store says it."""

    number: int
    size: int
    e_tag: str
    sha256: str | None

    def holds(self, piece: bytes) -> bool:
        """Whether these are its bytes, by the store's word: by SHA-256, or else by an entity tag that is their MD5.
        With SSE-KMS a tag is no MD5: a part of which the store says nothing else does not count."""
        if self.size != len(piece):
            return False
        if self.sha256 is not None:
            return self.sha256 == sha256_of(piece)
        return self.e_tag == hashlib.md5(piece, usedforsecurity=False).hexdigest()


class Client(Protocol):
    """The calls that are used. botocore makes them at run time, and their answers are what the service says: Any."""

    create_multipart_upload: Callable[..., Mapping[str, Any]]
    upload_part: Callable[..., Mapping[str, Any]]
    complete_multipart_upload: Callable[..., Mapping[str, Any]]
    abort_multipart_upload: Callable[..., Mapping[str, Any]]
    get_paginator: Callable[[str], Any]


class Parts:
    """Uploads in parts below the URL of a store. `place` names it, its endpoint with it."""

    def __init__(self, url: str, *, region: str | None, endpoint: str | None) -> None:
        """`url` is `s3://bucket/prefix`. Nothing is opened before it is needed."""
        self.place = f"{endpoint or 'AWS'} {url}"
        split = urlsplit(url)
        prefix = split.path.strip("/")
        self._url = url
        self._bucket = split.netloc
        self._below = f"{prefix}/" if prefix else ""
        self._opening = region, endpoint
        self._opened: Client | None = None
        self._one = Lock()

    @property
    def _client(self) -> Client:
        with self._one:
            if self._opened is None:
                self._opened = open_client(self._url, *self._opening)
            return self._opened

    def begin(self, path: str) -> str:
        """The new upload's name."""
        with self._told(path):
            return self._client.create_multipart_upload(**self._at(path), ChecksumAlgorithm="SHA256")["UploadId"]

    def there(self, path: str, upload: str) -> Mapping[int, Part]:
        """What the store has of it, by number."""
        found: dict[int, Part] = {}
        with self._told(path):
            for page in self._client.get_paginator("list_parts").paginate(**self._at(path), UploadId=upload):
                for one in page.get("Parts", ()):
                    number = int(one["PartNumber"])
                    found[number] = Part(
                        number=number,
                        size=int(one["Size"]),
                        e_tag=one["ETag"].strip('"'),
                        sha256=one.get("ChecksumSHA256"),
                    )
        return found

    def send(self, path: str, upload: str, number: int, piece: bytes) -> Part:
        sha256 = sha256_of(piece)
        with self._told(path):
            sent = self._client.upload_part(
                **self._at(path), UploadId=upload, PartNumber=number, Body=piece, ChecksumSHA256=sha256
            )
        return Part(number=number, size=len(piece), e_tag=sent["ETag"].strip('"'), sha256=sha256)

    def finish(self, path: str, upload: str, parts: Sequence[Part]) -> str | None:
        """Make the object of `parts`, or raise AlreadyThereError where one is there. The entity tag that it got."""
        listed = [
            {
                "PartNumber": one.number,
                "ETag": f'"{one.e_tag}"',
                **({"ChecksumSHA256": one.sha256} if one.sha256 else {}),
            }
            for one in parts
        ]
        with self._told(path):
            made = self._client.complete_multipart_upload(
                **self._at(path), UploadId=upload, MultipartUpload={"Parts": listed}, IfNoneMatch="*"
            )
        return made["ETag"].strip('"') if made.get("ETag") else None

    def give_up(self, path: str, upload: str) -> None:
        """Remove its parts. One that is gone is no error, nor is one that these credentials may not remove: the
        bucket's lifecycle rule does."""
        try:
            with self._told(path):
                self._client.abort_multipart_upload(**self._at(path), UploadId=upload)
        except (GoneError, DeniedError):
            return

    def _at(self, path: str) -> Mapping[str, str]:
        return {"Bucket": self._bucket, "Key": self._below + path}

    @contextmanager
    def _told(self, path: str) -> Generator[None]:
        """Every failure of the library comes out as a StoreError, as those of `Store` do."""
        from botocore.exceptions import BotoCoreError, ClientError

        at = f"{self._url}/{path}"
        try:
            yield
        except ClientError as refused:
            error = cast("Mapping[str, Any]", refused.response).get("Error", {})
            code, text = str(error.get("Code")), str(error.get("Message", ""))
            if code in _GONE:
                raise GoneError(f"{at}: its upload was finished or given up by somebody else ({code}).") from None
            if code == "NoSuchBucket":
                raise NotThereError(f"{self._url}: there is no such bucket.") from None
            if code in ("PreconditionFailed", "412"):
                raise AlreadyThereError(f"{at} is there already.") from None
            if code in _DENIED:
                raise DeniedError(f"{at}: access is denied ({code}). Log in, or ask for the right.") from None
            raise StoreError(f"{at}: {code} {text}".strip()[:400]) from None
        except BotoCoreError as refused:
            raise StoreError(f"{at}: {str(refused).partition(chr(10))[0][:400]}") from None


def sha256_of(piece: bytes) -> str:
    """As S3 writes it, in base64."""
    return base64.b64encode(hashlib.sha256(piece).digest()).decode()


def open_client(url: str, region: str | None, endpoint: str | None) -> Client:
    """Of the store `url`, which is for messages. StoreError where none can be had."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    nothing = (None, None, None, None)
    session = Session(
        session_vars={
            "profile": nothing,
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=REQUEST_S,
        retries={"total_max_attempts": RETRIES + 1, "mode": "standard"},
        max_pool_connections=_CONNECTIONS,
        s3={"addressing_style": "path" if endpoint else "auto"},
        # The sums are ours; other stores know nothing of the ones that botocore adds.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        ignore_configured_endpoint_urls=True,  # which one it is, the store has read already
    )
    region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    try:
        return cast("Client", session.create_client("s3", region_name=region, endpoint_url=endpoint, config=config))
    except (BotoCoreError, ValueError) as refused:
        raise StoreError(f"{url} cannot be opened: {refused}") from None
