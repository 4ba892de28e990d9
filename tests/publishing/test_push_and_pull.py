"""What is pushed comes back byte for byte, once, and from every store alike."""

from __future__ import annotations

import re
from pathlib import Path
from threading import Barrier, Thread

import pytest
from places import Place
from small_repository import Keys, bytes_below, files, served_of, trusting

from publishing.layout import content_key
from publishing.pulling import PullError, pull
from publishing.pushing import How, Pushed, PushError, push
from publishing.store import AlreadyThereError, Store
from publishing.verifying import verify


def test_what_was_pushed_is_pulled_byte_for_byte(place: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path / "here", files())
    pushed = push(place.store, "vision", served, keys.key, keys.trust)
    assert (pushed.already, pushed.files[How.SENT]) == (False, 5)
    assert pushed.bytes[How.SENT] == served.total_bytes
    pulled = pull(place.store, "vision", served.digest, tmp_path / "there", keys.trust)
    assert bytes_below(pulled.directory) == files()
    assert pulled.directory == tmp_path / "there" / "vision" / served.digest
    assert verify(place.store, "vision", served.digest, keys.trust).findings == ()


def test_the_destination_holds_just_what_a_server_reads_and_one_signature_beside_it(
    place: Place, keys: Keys, tmp_path: Path
) -> None:
    served = served_of(tmp_path, files())
    push(place.store, "vision", served, keys.key, keys.trust)
    assert [one.path for one in place.store.list()] == sorted(
        [
            *(f"vision/{served.digest}/{path}" for path in files()),
            f"vision/signatures/{served.digest}/{keys.key.public.fingerprint}.json",
        ]
    )


def test_a_second_push_sends_and_writes_nothing(place: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path, files())
    push(place.store, "vision", served, keys.key, keys.trust)
    before = place.store.list()
    again = push(place.store, "vision", served, keys.key, keys.trust)
    assert (again.already, again.bytes[How.SENT], again.bytes[How.COPIED]) == (True, 0, 0)
    assert place.store.list() == before


def test_of_a_changed_model_only_what_changed_is_sent(place: Place, keys: Keys, tmp_path: Path) -> None:
    push(place.store, "vision", served_of(tmp_path / "one", files(1)), keys.key, keys.trust)
    served = served_of(tmp_path / "two", files(2))
    pushed = push(place.store, "vision", served, keys.key, keys.trust)
    config = len(files(2)["digits/config.pbtxt"])
    match place.kind:
        case "moto" | "minio":
            assert pushed.bytes == {How.SENT: config, How.COPIED: served.total_bytes - config, How.PRESENT: 0}
        case "gcs":  # an object that was put together from parts has no tag that tells its content
            large = len(files()["text/1/model.onnx"])
            assert pushed.bytes[How.SENT] == config + large
            assert pushed.bytes[How.COPIED] == served.total_bytes - config - large
        case _:  # a directory tells nothing of its files
            assert pushed.bytes[How.SENT] == served.total_bytes
    assert verify(place.store, "vision", served.digest, keys.trust).findings == ()


def test_a_copy_is_made_from_another_servers_models_too(minio: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path, files())
    push(minio.store, "vision", served, keys.key, keys.trust)
    pushed = push(minio.store, "other", served, keys.key, keys.trust)
    assert (pushed.bytes[How.SENT], pushed.bytes[How.COPIED]) == (0, served.total_bytes)


def test_nothing_is_copied_from_what_a_strange_key_signed(minio: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path, files())
    push(minio.store, "vision", served, keys.stranger, trusting(keys.stranger))
    pushed = push(minio.store, "other", served, keys.key, keys.trust)
    assert pushed.bytes[How.COPIED] == 0


def test_a_changed_object_is_not_copied(minio: Place, keys: Keys, tmp_path: Path) -> None:
    one = served_of(tmp_path / "one", files(1))
    push(minio.store, "vision", one, keys.key, keys.trust)
    tampered = content_key("vision", one.digest, "digits/1/model.onnx")
    minio.store.delete([tampered])
    minio.store.create(tampered, bytes(len(files()["digits/1/model.onnx"])))
    two = served_of(tmp_path / "two", files(2))
    pushed = push(minio.store, "vision", two, keys.key, keys.trust)
    assert pushed.files[How.SENT] == 2  # the config, and the model that could not be copied
    assert verify(minio.store, "vision", two.digest, keys.trust).findings == ()


def test_two_pushes_at_once_both_succeed_and_leave_one_whole_publication(
    place: Place, keys: Keys, tmp_path: Path
) -> None:
    served = served_of(tmp_path, files())
    done: list[Pushed] = []
    failed: list[Exception] = []
    start = Barrier(4)

    def one() -> None:
        start.wait()
        try:
            done.append(push(Store(place.url), "vision", served, keys.key, keys.trust))
        except Exception as refused:  # noqa: BLE001  shown below
            failed.append(refused)

    threads = [Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(done) == 4
    assert verify(place.store, "vision", served.digest, keys.trust).findings == ()


def test_an_object_that_is_there_is_never_overwritten(place: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path, files())
    path = content_key("vision", served.digest, "digits/1/model.onnx")
    place.store.create(path, b"something else")
    with pytest.raises(PushError, match=re.escape(f"{place.url}/{path} is not the file that belongs there")):
        push(place.store, "vision", served, keys.key, keys.trust)
    assert place.store.read(path) == b"something else"
    with pytest.raises(AlreadyThereError):
        place.store.create(path, b"a third")
    assert not [one for one in place.store.list() if "signatures" in one.path]


def test_nothing_is_published_beside_what_somebody_else_put_there(place: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path, files())
    place.store.create(content_key("vision", served.digest, "backdoor/config.pbtxt"), b"x")
    with pytest.raises(PushError, match=r"backdoor/config\.pbtxt is no file of this digest"):
        push(place.store, "vision", served, keys.key, keys.trust)


@pytest.mark.parametrize("path", ["digits/1/model.onnx", "text/1/model.onnx"])
@pytest.mark.parametrize("now", [b"shorter", files()["text/1/model.onnx"] + b"longer"])
def test_a_file_that_changes_while_it_is_pushed_is_not_published(
    path: str, now: bytes, moto: Place, keys: Keys, tmp_path: Path
) -> None:
    served = served_of(tmp_path, files())
    (tmp_path / path).write_bytes(now)
    with pytest.raises(PushError, match="was changed while it was pushed"):
        push(moto.store, "vision", served, keys.key, keys.trust)
    written = {one.path for one in moto.store.list()}
    assert content_key("vision", served.digest, path) not in written
    assert not [one for one in written if "signatures" in one]


def test_an_object_that_went_missing_is_sent_again_and_nothing_else(place: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path, files())
    push(place.store, "vision", served, keys.key, keys.trust)
    place.store.delete([content_key("vision", served.digest, "digits/1/model.onnx")])
    pushed = push(place.store, "vision", served, keys.key, keys.trust)
    assert (pushed.already, pushed.files[How.SENT], pushed.files[How.PRESENT]) == (False, 1, 4)
    assert verify(place.store, "vision", served.digest, keys.trust).findings == ()


def test_a_pull_of_what_is_here_already_fetches_nothing(directory: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path / "here", files())
    push(directory.store, "vision", served, keys.key, keys.trust)
    first = pull(directory.store, "vision", served.digest, tmp_path / "there", keys.trust)
    again = pull(directory.store, "vision", served.digest, tmp_path / "there", keys.trust)
    assert (first.already, first.fetched) == (False, served.total_bytes)
    assert (again.already, again.fetched) == (True, 0)


@pytest.mark.parametrize("harm", ["changed", "missing", "more"])
def test_a_pull_does_not_call_good_what_was_changed_here(
    harm: str, directory: Place, keys: Keys, tmp_path: Path
) -> None:
    served = served_of(tmp_path / "here", files())
    push(directory.store, "vision", served, keys.key, keys.trust)
    there = pull(directory.store, "vision", served.digest, tmp_path / "there", keys.trust).directory
    victim = there / "digits" / "config.pbtxt"
    match harm:
        case "changed":
            victim.write_bytes(b"x")
        case "missing":
            victim.unlink()
        case _:
            (there / "digits" / "more.py").write_bytes(b"x")
    with pytest.raises(PullError, match="is not what was signed"):
        pull(directory.store, "vision", served.digest, tmp_path / "there", keys.trust)


def test_what_was_pulled_is_a_destination_itself(moto: Place, keys: Keys, tmp_path: Path) -> None:
    """The way over an air gap: pull, carry, verify there."""
    served = served_of(tmp_path / "here", files())
    push(moto.store, "vision", served, keys.key, keys.trust)
    pull(moto.store, "vision", served.digest, tmp_path / "carried", keys.trust)
    assert verify(Store(f"file://{tmp_path}/carried"), "vision", served.digest, keys.trust).findings == ()


def test_pulls_at_once_into_one_directory_fetch_it_once(moto: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path / "here", files())
    push(moto.store, "vision", served, keys.key, keys.trust)
    fetched: list[int] = []

    def one() -> None:
        fetched.append(pull(moto.store, "vision", served.digest, tmp_path / "node", keys.trust).fetched)

    threads = [Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fetched) == [0, 0, served.total_bytes]
    assert bytes_below(tmp_path / "node" / "vision" / served.digest) == files()
