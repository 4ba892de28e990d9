"""A large file whose push was ended goes on by its parts, and no two pushes get into each other's way: in real stores,
counted on the wire, every interleaving forced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Barrier, Event, Lock

import pytest
from botocore.exceptions import ClientError
from counting_proxy import CountingProxy, counting
from places import Place
from small_repository import Keys, noise, served_of
from test_interruptions import killed_when, slow_process
from watched_parts import Before, WatchedStore, parts_of, unfinished

import publishing.begun
import publishing.parts
import publishing.proof
import publishing.pushing
import publishing.uploading
from cli.models_view import pushed_line
from local.object_stores import MINIO, program
from planning.repository.served import ServedSet
from publishing.begun import Noted, Record, Unnoted, Wanted, folder, holding, left
from publishing.layout import content_key
from publishing.parts import Client, GoneError, open_client
from publishing.pushing import How, PushError, push
from publishing.store import AlreadyThereError, DeniedError, NotThereError, Store, StoreError
from publishing.verifying import verify

PART = 5 * 2**20
"""The least that S3 takes."""

LARGE = 3 * PART + 12345
"""Four parts, the last of them short. Two of them travel at once."""

FILES = {"text/1/model.onnx": noise(3, LARGE), "text/config.pbtxt": b'name: "text"'}

SMALL_PARTS = f"""
    import publishing.proof, publishing.pushing, publishing.uploading
    publishing.proof.PIECE = {PART // 2}
    publishing.proof.ONE_PART = publishing.pushing.ONE_PART = {PART}
    publishing.uploading.PARTS_AT_ONCE = 2
"""

PUSHING = """
    push(Store({url!r}), "vision", served, keys.key, keys.trust, lambda _: time.sleep(1000))
"""
"""It comes no further than the parts that are under way when the first has arrived, however slow the machine is."""

HEADERS = 100_000
"""Bytes that all requests of a small push have beside their bodies, at most."""

LONG_S = 300

in_parts = pytest.mark.parametrize("place", ["moto", "minio"], indirect=True)


@cache
def client(region: str | None, endpoint: str) -> Client:
    return open_client("s3://models", region, endpoint)


@pytest.fixture(autouse=True)
def one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads a lot to make one."""
    monkeypatch.setattr(publishing.parts, "open_client", lambda url, region, endpoint: client(region, endpoint))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing.proof, "PIECE", PART // 2)
    monkeypatch.setattr(publishing.proof, "ONE_PART", PART)
    monkeypatch.setattr(publishing.pushing, "ONE_PART", PART)
    monkeypatch.setattr(publishing.uploading, "PARTS_AT_ONCE", 2)


@pytest.fixture
def s3(request: pytest.FixtureRequest) -> Place:
    """MinIO, or moto where that is not built."""
    return request.getfixturevalue("moto" if isinstance(program(MINIO), str) else "minio")


@pytest.fixture
def proxy(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingProxy]:
    """Between every push and the store."""
    with counting(place.environment["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        place.environment["AWS_ENDPOINT_URL"] = proxy.endpoint
        yield proxy


def large(served: ServedSet) -> str:
    return content_key("vision", served.digest, "text/1/model.onnx")


def records() -> list[Record]:
    there = folder()
    assert there is not None
    return [Record.model_validate_json(path.read_bytes()) for path in sorted(there.glob("*.json"))]


def bytes_there(place: Place, served: ServedSet) -> int:
    """Of the upload that is noted, in the store."""
    with suppress(ValueError):
        (record,) = records()
        return sum(part.size for part in parts_of(place.url).there(large(served), record.upload).values())
    return 0


def killed_push(place: Place, keys: Keys, root: Path) -> ServedSet:
    served = served_of(root, FILES)
    process = slow_process(SMALL_PARTS + PUSHING.format(url=place.url), root, keys, place.environment)
    killed_when(process, lambda: bytes_there(place, served) >= PART)
    return served


def ended_push(place: Place, keys: Keys, root: Path, after: int = 3) -> ServedSet:
    """A push that a failure of the store ended when it had begun to send so many parts, all but the last of which
    arrived."""
    served = served_of(root, FILES)
    sent: list[str] = []
    turn = Lock()

    def fail(call: str, upload: str) -> None:
        with turn:
            sent.extend([upload] if call == "send" else [])
            if len(sent) >= after and call == "send":
                raise StoreError("the line is dead")

    with pytest.raises(StoreError, match="the line is dead"):
        push(WatchedStore(place.url, fail), "vision", served, keys.key, keys.trust)
    assert 0 < bytes_there(place, served) <= (after - 1) * PART
    return served


def is_published(place: Place, served: ServedSet, keys: Keys) -> None:
    """Whole and signed, with no upload and no record left."""
    assert verify(place.store, "vision", served.digest, keys.trust).findings == ()
    assert unfinished(place.url, large(served)) == set()
    assert records() == []


@in_parts
def test_a_large_file_whose_push_was_killed_sends_only_the_parts_that_are_missing(
    place: Place, proxy: CountingProxy, keys: Keys, tmp_path: Path
) -> None:
    served = killed_push(place, keys, tmp_path / "here")
    there = bytes_there(place, served)
    assert PART <= there < LARGE
    assert place.store.head(large(served)) is None
    proxy.sent = 0
    pushed = push(place.store, "vision", served, keys.key, keys.trust)
    assert pushed.kept == there
    assert pushed.bytes[How.SENT] >= LARGE
    assert f"; {there // 2**20} MiB were there from an earlier push)" in pushed_line(pushed)
    assert LARGE - there <= proxy.sent <= LARGE - there + HEADERS
    is_published(place, served, keys)


def test_what_a_failure_of_the_store_ended_goes_on_as_well(s3: Place, keys: Keys, tmp_path: Path) -> None:
    served = ended_push(s3, keys, tmp_path / "here")
    there = bytes_there(s3, served)
    assert push(s3.store, "vision", served, keys.key, keys.trust).kept == there
    is_published(s3, served, keys)


def test_parts_that_are_not_those_of_the_file_are_sent_again(s3: Place, keys: Keys, tmp_path: Path) -> None:
    served = ended_push(s3, keys, tmp_path / "here")
    there = bytes_there(s3, served)
    (record,) = records()
    parts = parts_of(s3.url)
    first = min(parts.there(large(served), record.upload))
    parts.send(large(served), record.upload, first, bytes(PART))
    assert push(s3.store, "vision", served, keys.key, keys.trust).kept == there - PART
    is_published(s3, served, keys)


def test_a_file_that_changed_meanwhile_is_told_and_what_was_sent_of_it_is_given_up(
    s3: Place, keys: Keys, tmp_path: Path
) -> None:
    served = ended_push(s3, keys, tmp_path / "here")
    (tmp_path / "here" / "text/1/model.onnx").write_bytes(noise(3, LARGE)[:-1] + b"!")
    with pytest.raises(PushError, match="was changed while it was pushed"):
        push(s3.store, "vision", served, keys.key, keys.trust)
    assert s3.store.head(large(served)) is None
    assert unfinished(s3.url, large(served)) == set()
    assert records() == []


def test_nothing_of_another_version_of_a_file_is_kept(s3: Place, keys: Keys, tmp_path: Path) -> None:
    before = ended_push(s3, keys, tmp_path / "before")
    now = served_of(tmp_path / "now", FILES | {"text/1/model.onnx": noise(4, LARGE)})
    assert push(s3.store, "vision", now, keys.key, keys.trust).kept == 0
    assert verify(s3.store, "vision", now.digest, keys.trust).findings == ()
    assert len(unfinished(s3.url, large(before))) == 1  # somebody may go back to it, for a while


def test_what_nobody_goes_on_with_for_a_week_is_given_up_by_whichever_push_comes_next(
    s3: Place, keys: Keys, tmp_path: Path
) -> None:
    served = ended_push(s3, keys, tmp_path / "here")
    (record,) = records()
    there = folder()
    assert there is not None
    old = record.model_copy(update={"begun": datetime.now(UTC) - timedelta(days=8)})
    (there / f"{record.wanted.name}.json").write_text(old.model_dump_json())
    small = served_of(tmp_path / "small", {"a/config.pbtxt": b"a"})
    push(Store(f"{s3.url}/elsewhere"), "other", small, keys.key, keys.trust)
    assert len(unfinished(s3.url, large(served))) == 1  # it is of another destination
    push(s3.store, "other", small, keys.key, keys.trust)
    assert unfinished(s3.url, large(served)) == set()
    assert records() == []


def stopped_at(call: str, reached: Event, go: Event) -> Before:
    """What waits at the first such call until it may go on."""

    def stop(name: str, upload: str) -> None:
        if name == call and not reached.is_set():
            reached.set()
            assert go.wait(LONG_S)

    return stop


@pytest.mark.parametrize("point", ["send", "finish"])
def test_of_two_pushes_at_once_each_has_an_upload_of_its_own_and_the_first_to_finish_has_written(
    point: str, s3: Place, keys: Keys, tmp_path: Path
) -> None:
    served = served_of(tmp_path, FILES)
    reached, go = Event(), Event()
    ours: set[str] = set()
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(
            push, WatchedStore(s3.url, stopped_at(point, reached, go)), "vision", served, keys.key, keys.trust
        )
        assert reached.wait(LONG_S)
        (held,) = records()

        def note(call: str, upload: str) -> None:
            ours.add(upload)

        quick = push(WatchedStore(s3.url, note), "vision", served, keys.key, keys.trust)
        assert held.upload not in ours
        assert records() == [held]
        go.set()
        assert quick.bytes[How.SENT] >= LARGE
        assert slow.result().bytes[How.PRESENT] >= LARGE
    is_published(s3, served, keys)


def test_of_pushes_that_finish_at_the_same_moment_one_has_written_and_all_succeed(
    minio: Place, keys: Keys, tmp_path: Path
) -> None:
    """moto looks and then writes: there more than one may have."""
    served = served_of(tmp_path, FILES)
    together = Barrier(3)

    def meet(call: str, upload: str) -> None:
        if call == "finish":
            together.wait(LONG_S)

    with ThreadPoolExecutor(3) as pool:
        one = WatchedStore(minio.url, meet)
        all_of_them = [pool.submit(push, one, "vision", served, keys.key, keys.trust) for _ in range(3)]
    done = [pushed.result() for pushed in all_of_them]
    assert sorted(pushed.bytes[How.SENT] >= LARGE for pushed in done) == [False, False, True]
    assert all(pushed.bytes[How.SENT] + pushed.bytes[How.PRESENT] == served.total_bytes for pushed in done)
    is_published(minio, served, keys)


@pytest.mark.parametrize("point", ["there", "send", "finish"])
def test_an_upload_that_is_given_up_under_a_push_is_begun_anew(
    point: str, minio: Place, keys: Keys, tmp_path: Path
) -> None:
    """By a bucket's lifecycle rule, or by hand. moto answers a part of an upload that is gone with 500."""
    served = ended_push(minio, keys, tmp_path)
    ended: list[str] = []

    def end(call: str, upload: str) -> None:
        if call == point and not ended:
            ended.append(upload)
            parts_of(minio.url).give_up(large(served), upload)

    told: list[int] = []
    pushed = push(WatchedStore(minio.url, end), "vision", served, keys.key, keys.trust, told.append)
    assert (pushed.kept, len(ended), sum(told)) == (0, 1, served.total_bytes)
    is_published(minio, served, keys)


def test_a_part_that_is_replaced_before_the_upload_is_finished_makes_no_object(
    minio: Place, keys: Keys, tmp_path: Path
) -> None:
    served = served_of(tmp_path, FILES)
    replaced: list[str] = []

    def replace(call: str, upload: str) -> None:
        if call == "finish" and not replaced:
            replaced.append(upload)
            parts_of(minio.url).send(large(served), upload, 1, bytes(PART))

    pushed = push(WatchedStore(minio.url, replace), "vision", served, keys.key, keys.trust)
    assert (pushed.kept, pushed.bytes[How.SENT]) == (0, served.total_bytes)
    assert unfinished(minio.url, large(served)).isdisjoint(replaced)
    is_published(minio, served, keys)


def test_an_upload_that_is_given_up_again_and_again_is_told(minio: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path, FILES)

    def end(call: str, upload: str) -> None:
        if call == "finish":
            parts_of(minio.url).give_up(large(served), upload)

    with pytest.raises(StoreError, match=r"finished or given up by somebody else \(NoSuchUpload\)\. Twice: "):
        push(WatchedStore(minio.url, end), "vision", served, keys.key, keys.trust)
    assert minio.store.head(large(served)) is None
    assert records() == []


@pytest.mark.parametrize("point", ["there", "send", "finish"])
def test_pushes_that_get_into_one_upload_because_locks_do_not_hold_succeed_all_the_same(
    point: str, minio: Place, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one goes on in the upload that the other is in, and finishes it."""
    monkeypatch.setattr(publishing.begun, "_locked", lambda descriptor: True)
    served = ended_push(minio, keys, tmp_path)
    reached, go = Event(), Event()
    shared: set[str] = set()

    def note(call: str, upload: str) -> None:
        shared.add(upload)

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(
            push, WatchedStore(minio.url, stopped_at(point, reached, go)), "vision", served, keys.key, keys.trust
        )
        assert reached.wait(LONG_S)
        upload = records()[0].upload
        push(WatchedStore(minio.url, note), "vision", served, keys.key, keys.trust)
        assert shared - {""} == {upload}
        go.set()
        assert slow.result().bytes[How.PRESENT] >= LARGE
    is_published(minio, served, keys)


def test_without_a_place_for_records_a_push_works_and_leaves_no_upload(
    s3: Place, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    served = served_of(tmp_path / "here", FILES)

    def fail(call: str, upload: str) -> None:
        if call == "finish":
            raise StoreError("the line is dead")

    with pytest.raises(StoreError, match="the line is dead"):
        push(WatchedStore(s3.url, fail), "vision", served, keys.key, keys.trust)
    assert unfinished(s3.url, large(served)) == set()
    assert push(s3.store, "vision", served, keys.key, keys.trust).kept == 0
    is_published(s3, served, keys)


def test_what_is_there_is_not_overwritten_by_a_file_in_parts(minio: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path, FILES)

    def first(call: str, upload: str) -> None:
        if call == "finish":
            minio.store.create(large(served), b"something else")

    with pytest.raises(PushError, match="is not the file that belongs there"):
        push(WatchedStore(minio.url, first), "vision", served, keys.key, keys.trust)
    assert minio.store.read(large(served)) == b"something else"
    assert unfinished(minio.url, large(served)) == set()


@pytest.mark.parametrize("written", [b"", b"{", b'{"wanted": {}}', b"\xff", b"x" * 100_000])
def test_a_record_that_is_none_is_as_if_there_were_none(written: bytes) -> None:
    wanted = Wanted(place="AWS s3://b", path="a", sha256="0" * 64, size=1, part_size=1)
    with holding(wanted) as record:
        assert isinstance(record, Noted)
        assert record.write(wanted, "upload")
        record.path.write_bytes(written)
        assert record.read() is None
    assert list(left("AWS s3://b", datetime.now(UTC))) == []
    there = folder()
    assert there is not None
    assert list(there.iterdir()) == []


def test_a_record_is_one_pushs_alone_until_it_ends(tmp_path: Path) -> None:
    wanted = Wanted(place="AWS s3://b", path="a", sha256="0" * 64, size=1, part_size=1)
    soon = datetime.now(UTC) + timedelta(hours=1)
    with holding(wanted) as first:
        assert isinstance(first, Noted)
        assert first.write(wanted, "upload")
        with holding(wanted) as second:
            assert second == Unnoted()
        assert list(left(wanted.place, soon)) == []
    with holding(wanted) as third:
        assert isinstance(third, Noted)
        known = third.read()
        assert known is not None
        assert known.upload == "upload"
    assert [record.upload for _, record in left(wanted.place, soon)] == ["upload"]
    assert list(left("AWS s3://other", soon)) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("NoSuchUpload", GoneError),
        ("InvalidPart", GoneError),
        ("ConditionalRequestConflict", GoneError),
        ("PreconditionFailed", AlreadyThereError),
        ("NoSuchBucket", NotThereError),
        ("AccessDenied", DeniedError),
        ("SlowDown", StoreError),
    ],
)
def test_what_s3_answers_is_told_by_its_kind(code: str, kind: type[StoreError], moto: Place) -> None:
    parts = parts_of(moto.url)
    with pytest.raises(StoreError) as told, parts._told("a/b"):  # pyright: ignore[reportPrivateUsage]
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "CompleteMultipartUpload")
    assert told.type is kind
    assert str(told.value).startswith(f"{moto.url if kind is NotThereError else f'{moto.url}/a/b'}: ") or (
        kind is AlreadyThereError
    )


def test_who_sends_the_parts_is_who_sends_the_rest_whatever_the_aws_command_line_is_told(
    moto: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(
        "[default]\nendpoint_url = http://127.0.0.1:1\nregion = moon-1\nretry_mode = none\n"
    )
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = else\naws_secret_access_key = else\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "absent")
    made = open_client(moto.url, None, moto.environment["AWS_ENDPOINT_URL"])
    assert made.meta.region_name == "us-east-1"  # pyright: ignore
    assert made._request_signer._credentials.access_key == moto.environment["AWS_ACCESS_KEY_ID"]  # pyright: ignore
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    none = open_client(moto.url, None, moto.environment["AWS_ENDPOINT_URL"])
    assert none._request_signer._credentials is None  # pyright: ignore


def test_nothing_that_lets_anybody_write_is_noted(moto: Place, keys: Keys, tmp_path: Path) -> None:
    ended_push(moto, keys, tmp_path)
    there = folder()
    assert there is not None
    (file,) = there.glob("*.json")
    assert (file.stat().st_mode & 0o777, there.stat().st_mode & 0o777) == (0o600, 0o700)
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"):
        assert os.environ[name] not in file.read_text()
