"""Bytes of S3 objects come by signed URLs where that is plain; whatever else a store does, the right bytes come."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from faulty_s3 import Answer, FaultyS3, faulty_s3
from places import Stores, place_in
from small_repository import noise

import publishing.direct
import publishing.store
from local.cluster.certificates import Authority, Identity
from publishing.direct import FAILURES
from publishing.store import Store, StoreError

CONTENT = noise(9, 3_000_000)
UNUSUAL = "vision/1/ünusual name$+&?.txt"


def ranges(store: Store, path: str = "model.onnx", count: int = 3) -> bytes:
    """All of the object, in `count` requests."""
    step = -(-len(CONTENT) // count)
    starts = range(0, len(CONTENT), step)
    return b"".join(bytes(piece) for at in starts for piece in store.read_range(path, at, min(step, len(CONTENT) - at)))


@pytest.mark.parametrize("kind", ["moto", "minio"])
def test_of_real_stores_all_comes_by_signed_urls(
    kind: str, stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_login: None
) -> None:
    store = place_in(kind, stores, tmp_path, monkeypatch).store
    store.create(UNUSUAL, CONTENT)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was asked for by the library")

    monkeypatch.setattr(obstore, "get", never)
    assert ranges(store, UNUSUAL) == CONTENT


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, no_login: None) -> Iterator[FaultyS3]:
    with faulty_s3(CONTENT) as running:
        of_login(monkeypatch, f"http://127.0.0.1:{running.port}")
        yield running


def of_login(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr(publishing.store, "RETRIES", 0)


@pytest.mark.parametrize("answer", Answer)
def test_whatever_becomes_of_a_signed_url_the_right_bytes_come(
    answer: Answer, s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing.direct, "STALLED_S", 0.2)
    s3.answer = answer
    assert ranges(Store("s3://models")) == CONTENT
    expected = {Answer.RIGHT: (3, 0), Answer.ENDED: (2, 1)}.get(answer, (3, 3))
    assert (len(s3.by_url), len(s3.by_header)) == expected


def test_a_store_that_takes_no_signed_urls_is_asked_with_some_only(s3: FaultyS3) -> None:
    s3.answer = Answer.REFUSED
    assert ranges(Store("s3://models"), count=20) == CONTENT
    assert (len(s3.by_url), len(s3.by_header)) == (FAILURES, 20)


def test_behind_a_proxy_the_library_asks(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{s3.port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{s3.port}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.invalid")
    assert ranges(Store("s3://models")) == CONTENT
    assert (len(s3.by_url), len(s3.by_header)) == (0, 3)


def test_a_store_whose_authority_is_trusted_is_read_over_tls_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_login: None
) -> None:
    authority = Authority(tmp_path)
    authority.issue(Identity(name="store", user="store", hosts=("IP:127.0.0.1",)))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.certificate("store"), authority.key("store"))
    with faulty_s3(CONTENT, tls) as running:
        of_login(monkeypatch, f"https://127.0.0.1:{running.port}")
        with pytest.raises(StoreError):
            ranges(Store("s3://models"))
        assert running.by_url == running.by_header == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate("ca")))
        assert ranges(Store("s3://models")) == CONTENT
        assert (len(running.by_url), len(running.by_header)) == (3, 0)
