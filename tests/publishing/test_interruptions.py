"""What is killed, cut off or out of room leaves nothing half done, and goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

import pytest
from places import Place
from small_repository import Keys, bytes_below, noise, served_of

import publishing.store
from local.object_stores import MINIO, program, start_minio
from planning.repository.served import ServedSet
from publishing.pulling import PullError, pull
from publishing.pushing import How, push
from publishing.store import Store, StoreError
from publishing.verifying import verify

HERE = Path(__file__).parent
FILES = {f"model-{number:02}/1/model.onnx": noise(number, 300_000) for number in range(40)}
LONG_S = 60

PUSHING = """
    push(Store({url!r}), "vision", served, keys.key, keys.trust, lambda _: time.sleep(0.05))
"""
PULLING = """
    pull(Store({url!r}), "vision", served.digest, Path({into!r}), keys.trust, lambda _: time.sleep(0.05))
"""


def slow_process(what: str, root: Path, keys: Keys, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """One that does `what` with the files below `root`, a twentieth of a second longer for each of them."""
    text = textwrap.dedent(
        f"""
        import sys, time
        sys.path.insert(0, {str(HERE)!r})
        from pathlib import Path
        from small_repository import Keys, served_of, bytes_below
        from publishing.store import Store
        from publishing.pushing import push
        from publishing.pulling import pull
        root = Path({str(root)!r})
        served = served_of(root, bytes_below(root))
        keys = Keys(Path({str(keys.ours)!r}), Path({str(keys.theirs)!r}))
        """
    ) + textwrap.dedent(what)
    return subprocess.Popen([sys.executable, "-c", text], env={**os.environ, **environment})


def killed_when(process: subprocess.Popen[bytes], holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG_S
    while not holds():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_a_push_that_is_killed_publishes_nothing_and_the_next_sends_only_the_rest(
    place: Place, keys: Keys, tmp_path: Path
) -> None:
    served = served_of(tmp_path / "here", FILES)
    process = slow_process(PUSHING.format(url=place.url), tmp_path / "here", keys, place.environment)
    killed_when(process, lambda: len(place.store.list()) >= 8)
    there = {one.path for one in place.store.list()}
    assert 8 <= len(there) < len(FILES)
    assert [finding.rule.id for finding in verify(place.store, "vision", served.digest, keys.trust).findings] == [
        "TU242"
    ]
    pushed = push(place.store, "vision", served, keys.key, keys.trust)
    assert pushed.files == {How.PRESENT: len(there), How.SENT: len(FILES) - len(there), How.COPIED: 0}
    assert verify(place.store, "vision", served.digest, keys.trust).findings == ()


def published(place: Place, keys: Keys, root: Path) -> ServedSet:
    served = served_of(root, FILES)
    push(place.store, "vision", served, keys.key, keys.trust)
    return served


def test_a_pull_that_is_killed_has_no_name_and_the_next_fetches_only_the_rest(
    place: Place, keys: Keys, tmp_path: Path
) -> None:
    served = published(place, keys, tmp_path / "here")
    into = tmp_path / "there"
    what = PULLING.format(url=place.url, into=str(into))
    process = slow_process(what, tmp_path / "here", keys, place.environment)
    journal = into / "vision" / f".{served.digest}.partial" / ".ranges"
    killed_when(process, lambda: journal.exists() and journal.stat().st_size >= 8 * 8)
    assert not (into / "vision" / served.digest).exists()
    pulled = pull(place.store, "vision", served.digest, into, keys.trust)
    assert pulled.resumed >= 8 * 300_000
    assert pulled.fetched + pulled.resumed == served.total_bytes
    assert bytes_below(pulled.directory) == FILES
    assert [path.name for path in (into / "vision").iterdir() if path.name.startswith(".")] == []


def test_what_a_crash_damaged_of_an_earlier_pull_is_fetched_again(directory: Place, keys: Keys, tmp_path: Path) -> None:
    served = published(directory, keys, tmp_path / "here")
    into = tmp_path / "there"
    what = PULLING.format(url=directory.url, into=str(into))
    process = slow_process(what, tmp_path / "here", keys, directory.environment)
    partial = into / "vision" / f".{served.digest}.partial"
    killed_when(process, lambda: (partial / ".ranges").exists() and (partial / ".ranges").stat().st_size >= 8 * 8)
    for file in partial.rglob("*.onnx"):  # a journal that says more than the disk holds
        file.write_bytes(bytes(file.stat().st_size))
    with (partial / ".ranges").open("ab") as journal:
        journal.write(b"\0\0\0")
    pulled = pull(directory.store, "vision", served.digest, into, keys.trust)
    assert bytes_below(pulled.directory) == FILES
    assert pulled.fetched == served.total_bytes


def test_a_store_that_dies_in_the_middle_loses_nothing(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = program(MINIO)
    if isinstance(found, str):
        pytest.skip(found)
    monkeypatch.setattr(publishing.store, "RETRIES", 1)
    served = served_of(tmp_path / "here", FILES)
    folder = tmp_path / "minio"
    folder.mkdir()
    running = start_minio(found, folder)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    sent: list[int] = []

    def die(amount: int) -> None:
        sent.append(amount)
        if len(sent) == 10:
            running.process.kill()

    with pytest.raises(StoreError):
        push(Store(running.url), "vision", served, keys.key, keys.trust, die)
    running.stop()
    again = start_minio(found, folder)
    try:
        for name, value in again.environment.items():
            monkeypatch.setenv(name, value)
        store = Store(again.url)
        assert [one for one in store.list() if "signatures" in one.path] == []
        pushed = push(store, "vision", served, keys.key, keys.trust)
        assert pushed.files[How.PRESENT] >= 10
        assert verify(store, "vision", served.digest, keys.trust).findings == ()
    finally:
        again.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be made here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(
    directory: Place, keys: Keys, small_disk: Path, tmp_path: Path
) -> None:
    served = served_of(tmp_path / "here", {"big/1/model.onnx": noise(1, 20 * 2**20)})
    push(directory.store, "vision", served, keys.key, keys.trust)
    with pytest.raises(PullError, match=r"too little room: 20 MiB are needed, .* are free\. Nothing was left there"):
        pull(directory.store, "vision", served.digest, small_disk, keys.trust)
    assert bytes_below(small_disk) == {}


def filled_after(files: int, disk: Path) -> Callable[[int], None]:
    """What fills `disk` up when so many files have come. The others wait meanwhile, each with one file that it wrote:
    they cannot be done before."""
    arrived: list[int] = []
    turn = Lock()

    def fill(amount: int) -> None:
        with turn:
            arrived.extend([amount] if amount else [])
            if len(arrived) == files and not (disk / "other").exists():
                with suppress(OSError), (disk / "other").open("wb", buffering=0) as other:
                    while True:
                        other.write(bytes(4096))

    return fill


def test_a_disk_that_fills_up_on_the_way_is_left_as_it_was(
    directory: Place, keys: Keys, small_disk: Path, tmp_path: Path
) -> None:
    served = published(directory, keys, tmp_path / "here")
    with pytest.raises(PullError, match=r"filled up on the way: .* Nothing was left there"):
        pull(directory.store, "vision", served.digest, small_disk, keys.trust, filled_after(1, small_disk))
    assert set(bytes_below(small_disk)) == {"other"}
    (small_disk / "other").unlink()
    assert bytes_below(pull(directory.store, "vision", served.digest, small_disk, keys.trust).directory) == FILES


def test_a_disk_that_fills_up_after_the_last_file_has_room_for_its_signature(
    directory: Place, keys: Keys, small_disk: Path, tmp_path: Path
) -> None:
    served = published(directory, keys, tmp_path / "here")
    pull(directory.store, "vision", served.digest, small_disk, keys.trust, filled_after(len(FILES), small_disk))
    assert (small_disk / "other").exists()
    assert verify(Store(f"file://{small_disk}"), "vision", served.digest, keys.trust).findings == ()
