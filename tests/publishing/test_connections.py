"""As many connections as a store's speed asks for, and files in turn over them."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Event, Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import Place
from small_repository import Keys, bytes_below, served_of

from publishing.arriving import IN_TURN, RANGE, STRETCH, ArrivingFile, Turns
from publishing.connections import LEAST, MOST, SLOW, transfer
from publishing.pulling import pull
from publishing.pushing import push
from publishing.signature import SignedFile
from publishing.together import StoppedError


class Counted:
    """Items, and how many are under way at once."""

    def __init__(self, count: int) -> None:
        self._left = iter(range(count))
        self._lock = Lock()
        self._now = 0
        self.most = 0
        self.done: list[int] = []

    def take(self) -> int | None:
        with self._lock:
            return next(self._left, None)

    def moved(self, item: int, seconds: float, size: int) -> int:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(seconds)
        with self._lock:
            self._now -= 1
            self.done.append(item)
        return size


def test_a_store_that_is_slow_to_each_connection_is_asked_over_many() -> None:
    counted = Counted(200)
    transfer(lambda item: counted.moved(item, 0.005, 1), counted.take, Event())
    assert counted.most == MOST
    assert sorted(counted.done) == list(range(200))


def test_a_store_that_is_fast_to_each_connection_is_asked_over_few() -> None:
    counted = Counted(100)
    transfer(lambda item: counted.moved(item, 0.002, SLOW * 60), counted.take, Event())
    assert counted.most == LEAST
    assert sorted(counted.done) == list(range(100))


def test_the_first_that_fails_ends_all_and_is_what_is_said() -> None:
    together, stop = Barrier(LEAST), Event()
    counted = Counted(1000)

    def do(item: int) -> int:
        together.wait(timeout=30)
        if item == 2:
            raise OSError("no room")
        assert stop.wait(30)
        raise StoppedError

    with pytest.raises(OSError, match="no room"):
        transfer(do, counted.take, stop)
    assert counted.take() == LEAST


def test_nothing_to_do_is_done_at_once() -> None:
    transfer(lambda _: 0, lambda: None, Event())


def arriving(number: int, size: int, there: set[int], folder: Path) -> ArrivingFile:
    file = ArrivingFile(
        number=number,
        signed=SignedFile(path=f"{number}", size=size, sha256="0" * 64),
        path=folder / "nowhere",
        there=set(),
    )
    file.there = {index for index in there if index < file.ranges}
    return file


def taken(turns: Turns) -> Iterator[tuple[ArrivingFile, range]]:
    while (one := turns.take()) is not None:
        yield one


SIZES = st.integers(0, 6 * STRETCH) | st.sampled_from([0, 1, RANGE, RANGE + 1, STRETCH, STRETCH + 1])


@given(st.lists(st.tuples(SIZES, st.sets(st.integers(0, 12))), max_size=3 * IN_TURN))
def test_every_range_that_is_not_there_has_its_turn_once_and_each_files_in_order(
    given_files: list[tuple[int, set[int]]],
) -> None:
    files = [arriving(number, size, there, Path("/")) for number, (size, there) in enumerate(given_files)]
    turns = list(taken(Turns(files)))
    for file in files:
        indices = [index for of, stretch in turns if of is file for index in stretch]
        assert indices == sorted(set(range(file.ranges)) - file.there)
        assert all(len(stretch) * RANGE <= STRETCH for of, stretch in turns if of is file)
    # One that is whole, or empty, has its turn too: it is to be hashed.
    assert {file.number for file, _ in turns} == {file.number for file in files}


@given(st.lists(SIZES, max_size=3 * IN_TURN))
def test_few_files_are_under_way_at_a_time(sizes: list[int]) -> None:
    left = Counter[int]()
    for file, _ in taken(Turns([arriving(number, size, set(), Path("/")) for number, size in enumerate(sizes)])):
        left[file.number] = left[file.number] or len(file.wanted)
        left[file.number] -= 1
        assert sum(1 for count in left.values() if count) <= IN_TURN


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
