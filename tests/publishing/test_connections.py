"""As many connections as a store's speed asks for, and few files open at a time."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from threading import Barrier, Event, Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import Place
from small_repository import Keys, bytes_below, served_of

from publishing.arriving import RANGE, STRETCH, ArrivingFile
from publishing.connections import LEAST, MOST, SLOW, Moved, transfer
from publishing.pulling import pull
from publishing.pushing import push
from publishing.signature import SignedFile
from publishing.together import StoppedError


class Counted:
    """How many are under way at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._now = 0
        self.most = 0
        self.done: list[int] = []

    def moved(self, item: int, size: float) -> Moved:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.005)
        with self._lock:
            self._now -= 1
            self.done.append(item)
        return Moved(int(size), 1.0)


def test_a_store_that_is_slow_to_each_connection_is_asked_over_many() -> None:
    counted = Counted()
    transfer(lambda item: counted.moved(item, SLOW * 0.9), range(200), Event())
    assert counted.most == MOST
    assert sorted(counted.done) == list(range(200))


def test_a_store_that_is_fast_to_each_connection_is_asked_over_few() -> None:
    counted = Counted()
    transfer(lambda item: counted.moved(item, SLOW * 1.1), range(100), Event())
    assert counted.most == LEAST
    assert sorted(counted.done) == list(range(100))


def test_the_first_that_fails_ends_all_and_is_what_is_said() -> None:
    together, stop = Barrier(LEAST), Event()
    begun: list[int] = []

    def do(item: int) -> Moved:
        begun.append(item)
        together.wait(timeout=30)
        if item == 2:
            raise OSError("no room")
        assert stop.wait(30)
        raise StoppedError

    with pytest.raises(OSError, match="no room"):
        transfer(do, range(1000), stop)
    assert sorted(begun) == list(range(LEAST))


def test_nothing_to_do_is_done_at_once() -> None:
    transfer(lambda _: Moved(0, 0), (), Event())


def arriving(size: int, there: set[int]) -> ArrivingFile:
    signed = SignedFile(path="model.onnx", size=size, sha256="0" * 64)
    file = ArrivingFile(number=0, signed=signed, path=Path("nowhere"), there=set())
    file.there = {index for index in there if index < file.ranges}
    return file


SIZES = st.integers(0, 6 * STRETCH) | st.sampled_from([0, 1, RANGE, RANGE + 1, STRETCH, STRETCH + 1])


@given(SIZES, st.sets(st.integers(0, 12)))
def test_every_range_that_is_not_there_is_asked_for_once_and_in_order(size: int, there: set[int]) -> None:
    file = arriving(size, there)
    assert [index for stretch in file.wanted for index in stretch] == sorted(set(range(file.ranges)) - file.there)
    assert all(len(stretch) * RANGE <= STRETCH for stretch in file.wanted)
    # One that is whole, or empty, is wanted too: it is to be hashed.
    assert file.wanted


def test_a_repository_of_more_files_than_a_process_may_open_is_pulled(
    directory: Place, keys: Keys, tmp_path: Path
) -> None:
    """A Python model with the packages that it imports has thousands."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = {f"digits/1/env/{number}.py": b"%d" % number for number in range(300)}
    served = served_of(tmp_path / "here", files)
    push(directory.store, "vision", served, keys.key, keys.trust)
    few = len(list(Path("/proc/self/fd").iterdir())) + 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        pulled = pull(directory.store, "vision", served.digest, tmp_path / "there", keys.trust)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert bytes_below(pulled.directory) == files
