"""An object store or a directory, by its URL: `s3://bucket/prefix`, `gs://bucket/prefix`, `file:///directory`.

The library is obstore (Rust's object_store): requests run in parallel without Python's lock, writes can be
conditional, S3 gets a SHA-256 of every body to compare. Credentials come from where each cloud puts them: the
environment, a pod's or machine's identity, Google's application default credentials. Endpoints of other stores come
from `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, and from `STORAGE_EMULATOR_HOST`, as the clouds' own tools read them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

    from publishing.direct import Direct
    from publishing.parts import Parts

CONNECT_S = 10
REQUEST_S = 600
"""For one request with its body. A part of 16 MiB takes this long on a line of 0.2 Mbit/s."""

RETRIES = 6
RETRY_S = 60
"""How long a request is tried again, in all, where a store answers with 5xx or not at all."""

SIGNED = timedelta(minutes=5)
"""How long a URL that is used at once is good for: clocks differ."""

PARTS_AT_ONCE = 4

_METADATA = re.compile(r"/latest/(api/token|meta-data)|/computeMetadata/")
"""Where a machine's identity is asked for: the last that object_store tries, and so where nobody is logged in
(object_store 0.14, aws/builder.rs and gcp/builder.rs; the paths are those of EC2 and of Google's metadata servers)."""

_NOBODY = {
    "s3": "no AWS credentials were found here, neither in the environment nor by an identity of this machine."
    " Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run"
    ' `eval "$(aws configure export-credentials --format env)"`, for profiles are not read.',
    "gs": "no credentials for Google Cloud were found here, neither in the environment nor by an identity of this"
    " machine. Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the file of a"
    " service account's key.",
}
"""By a URL's scheme, what is wrong where it is that, and what to do."""

ARRIVING = 2**18
"""Bytes of an object that are handed on at a time: they are still in the processor's cache when they are hashed and
written, and their memory is used again. By MiB, `tritonup models pull` makes twice the page faults."""


class StoreError(Exception):
    """The store does not do what it was asked for. The message names it and the object."""


class NotThereError(StoreError):
    """There is no such object, or no such bucket."""


class AlreadyThereError(StoreError):
    """A conditional write found an object in its place."""


class DeniedError(StoreError):
    """The store does not let these credentials do that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """`path` below the store's URL, `size` in bytes, `e_tag` as the store says it, without its quotation marks."""

    path: str
    size: int
    modified: datetime
    e_tag: str | None


class Buffer(Protocol):
    """Bytes that need not be copied."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...


class Store:
    """`url` is the destination; paths are below it, with `/` between their parts."""

    def __init__(
        self, url: str, *, region: str | None = None, endpoint: str | None = None, must_exist: bool = False
    ) -> None:
        """`endpoint`: where another S3 than AWS's answers; left out, the environment may say so. A directory that is
        not there is made, or NotThereError where it `must_exist`; of a bucket, the first request tells."""
        self.url = url.rstrip("/")
        self._store = _open(self.url, region, endpoint, must_exist)
        self._direct: Direct | None = None
        self._lock = Lock()
        self._region, self._endpoint = region, _s3_endpoint(endpoint)

    def parts(self) -> Parts | None:
        """Uploads that the next push can go on with; None where the store has none that are known here."""
        from publishing.parts import Parts

        if urlsplit(self.url).scheme != "s3":
            return None
        return Parts(self.url, region=self._region, endpoint=self._endpoint)

    def at(self, path: str) -> str:
        """`path` as people find it."""
        return f"{self.url}/{path}"

    def list(self, prefix: str = "") -> tuple[StoredObject, ...]:
        """Everything below `prefix`, by path; an empty store and a prefix that is not there have nothing."""
        import obstore

        with self._told(prefix):
            found = obstore.list(  # pyright: ignore[reportUnknownMemberType] - one of its overloads needs arro3
                self._store, prefix or None, chunk_size=1000
            )
            return tuple(
                sorted(
                    (
                        _object(one["path"], one["size"], one["last_modified"], one["e_tag"])
                        for few in found
                        for one in few
                    ),
                    key=lambda one: one.path,
                )
            )

    def head(self, path: str) -> StoredObject | None:
        import obstore

        try:
            with self._told(path):
                one = obstore.head(self._store, path)
        except NotThereError:
            return None
        return _object(path, one["size"], one["last_modified"], one["e_tag"])

    def read(self, path: str) -> bytes:
        """All of a small object."""
        import obstore

        with self._told(path):
            return obstore.get(self._store, path).bytes().to_bytes()

    def read_range(self, path: str, start: int, length: int) -> Iterator[Buffer]:
        """The bytes from `start` on, in order, in pieces as they arrive; fewer than `length` where there are no more.
        A piece is there until the next is asked for."""
        import obstore

        at, end = start, start + length
        with self._told(path):
            if self.url.startswith("file:"):  # which the library streams by 8 KiB
                end = min(end, obstore.head(self._store, path)["size"])
                for at in range(start, end, ARRIVING):
                    yield obstore.get_range(self._store, path, start=at, length=min(ARRIVING, end - at))
                return
            for piece in self._directly(path, start, length):
                at += len(piece)
                yield piece
            if at < end:  # one request, which the library takes up again where it breaks off
                asked = obstore.get(self._store, path, options={"range": (at, end)})
                yield from asked.stream(min_chunk_size=ARRIVING)

    def _directly(self, path: str, start: int, length: int) -> Iterator[Buffer]:
        """As far as the store is S3, and does as it should."""
        import obstore
        from obstore.exceptions import BaseError

        from publishing.direct import Direct

        if not isinstance(self._store, obstore.store.S3Store):
            return
        with self._lock:
            self._direct = self._direct or Direct()
        if not self._direct.usable:
            return
        try:
            url = obstore.sign(self._store, "GET", path, SIGNED)
        except BaseError:  # asked for the object itself, the library says what is wrong
            return
        yield from self._direct.read_range(url, start, length)

    def stream(self, path: str) -> Iterator[bytes]:
        """An object's bytes, in order, in pieces of some MiB."""
        import obstore

        with self._told(path):
            for piece in obstore.get(self._store, path).stream(min_chunk_size=4 * 2**20):
                yield bytes(piece)

    def create(self, path: str, content: bytes) -> str | None:
        """Write an object that is not there yet, or raise AlreadyThereError. The entity tag that it got."""
        import obstore

        with self._told(path):
            return _bare(obstore.put(self._store, path, content, mode="create")["e_tag"])

    def upload(self, path: str, pieces: Iterable[bytes], part_size: int) -> str | None:
        """Write a large object in parts, visible only when all have arrived. Where `pieces` raise, it is given up."""
        import obstore

        with self._told(path):
            written = obstore.put(
                self._store,
                path,
                iter(pieces),
                use_multipart=True,
                chunk_size=part_size,
                max_concurrency=PARTS_AT_ONCE,
            )
            return _bare(written["e_tag"])

    def copy(self, source: str, target: str) -> None:
        """Within the store, without the bytes coming here."""
        import obstore

        with self._told(target):
            obstore.copy(self._store, source, target)

    def delete(self, paths: Sequence[str]) -> None:
        """Remove objects; one that is gone already is no error."""
        import obstore

        for start in range(0, len(paths), 1000):
            few = list(paths[start : start + 1000])
            try:
                with self._told(few[0]):
                    obstore.delete(self._store, few)
            except NotThereError:
                for path in few:
                    try:
                        with self._told(path):
                            obstore.delete(self._store, path)
                    except NotThereError:
                        continue

    @contextmanager
    def _told(self, path: str) -> Generator[None]:
        """Every failure of the library comes out as a StoreError."""
        from obstore import exceptions

        at = self.at(path) if path else self.url
        try:
            yield
        except FileNotFoundError as refused:
            if "NoSuchBucket" in str(refused):
                raise NotThereError(f"{self.url}: there is no such bucket.") from None
            raise NotThereError(f"{at} is not there.") from None
        except FileExistsError:
            raise AlreadyThereError(f"{at} is there already.") from None
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError) as refused:
            raise DeniedError(
                f"{at}: access is denied ({_first_line(refused)}). Log in, or ask for the right."
            ) from None
        except (exceptions.BaseError, OSError) as refused:
            if isinstance(refused, exceptions.AlreadyExistsError | exceptions.PreconditionError):
                raise AlreadyThereError(f"{at} is there already.") from None
            raise StoreError(f"{at}: {self._explained(_first_line(refused))}") from None

    def _explained(self, said: str) -> str:
        nobody = _NOBODY.get(urlsplit(self.url).scheme)
        if nobody is None or not _METADATA.search(said):
            return said
        return f"{nobody} `--store ./directory` needs none. The store's library said: {said}"


def _open(url: str, region: str | None, endpoint: str | None, must_exist: bool) -> ObjectStore:
    from obstore.exceptions import BaseError
    from obstore.store import GCSStore, LocalStore, S3Store

    split = urlsplit(url)
    bucket, prefix = split.netloc, split.path.strip("/") or None
    retry: RetryConfig = {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_S)}
    try:
        match split.scheme:
            case "s3" if bucket:
                endpoint = _s3_endpoint(endpoint)
                config: S3Config = {"checksum_algorithm": "SHA256"}
                if endpoint:
                    config["endpoint"] = endpoint
                if region:
                    config["region"] = region
                return S3Store(
                    bucket, prefix=prefix, config=config, client_options=_client(endpoint), retry_config=retry
                )
            case "gs" if bucket:
                host = os.environ.get("STORAGE_EMULATOR_HOST")
                if host:
                    host = host if "://" in host else f"http://{host}"
                    nobody = {
                        "gcs_base_url": host,
                        "disable_oauth": True,
                        "client_email": "",
                        "private_key": "",
                        "private_key_id": "",
                    }
                    return GCSStore(
                        bucket,
                        prefix=prefix,
                        config={"service_account_key": json.dumps(nobody)},
                        client_options=_client(host),
                        retry_config=retry,
                    )
                return GCSStore(bucket, prefix=prefix, client_options=_client(None), retry_config=retry)
            case "file" if not bucket and prefix and split.path.startswith("/"):
                if must_exist and not Path(split.path).is_dir():
                    raise NotThereError(f"{url}: there is no such directory. `tritonup models push` would make it.")
                Path(split.path).mkdir(parents=True, exist_ok=True)
                return LocalStore(split.path, mkdir=True)
            case _:
                raise StoreError(
                    f"{url} is none of s3://bucket/prefix, gs://bucket/prefix, file:///directory and ./directory."
                )
    except (BaseError, OSError) as refused:
        raise StoreError(f"{url} cannot be opened: {_first_line(refused)}") from None


def _s3_endpoint(endpoint: str | None) -> str | None:
    return endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def _client(endpoint: str | None) -> ClientConfig:
    return {
        "allow_http": bool(endpoint and endpoint.startswith("http://")),
        "connect_timeout": timedelta(seconds=CONNECT_S),
        "timeout": timedelta(seconds=REQUEST_S),
    }


def _object(path: str, size: int, modified: datetime, e_tag: str | None) -> StoredObject:
    return StoredObject(path=path, size=size, modified=modified, e_tag=_bare(e_tag))


def _bare(e_tag: str | None) -> str | None:
    return e_tag.removeprefix("W/").strip('"') if e_tag else None


def _first_line(refused: BaseException) -> str:
    """What the library says, without its inner workings and without a query that may hold a token."""
    text = str(refused).partition("\n\nDebug source")[0].partition("\n")[0]
    return re.sub(r"\?\S+", "?…", text)[:400]
