"""However the bytes of a file arrive, it is hashed in order, and nothing is fetched twice."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Condition

import pytest
from places import Place
from small_repository import Keys, bytes_below, noise, served_of

import publishing.arriving
import publishing.connections
from planning.repository.served import ServedSet
from publishing.layout import content_key
from publishing.pulling import RefusedError, pull
from publishing.pushing import push
from publishing.store import Store

MODEL = "digits/1/model.onnx"
FILES = {MODEL: noise(1, 10_500), "digits/config.pbtxt": noise(2, 300), "digits/empty": b""}


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven ranges in six stretches, all under way at once."""
    monkeypatch.setattr(publishing.arriving, "RANGE", 1000)
    monkeypatch.setattr(publishing.arriving, "STRETCH", 2000)
    monkeypatch.setattr(publishing.arriving, "ARRIVING", 300)
    monkeypatch.setattr(publishing.connections, "LEAST", 16)


@pytest.fixture
def served(directory: Place, keys: Keys, tmp_path: Path) -> ServedSet:
    served = served_of(tmp_path / "here", FILES)
    push(directory.store, "vision", served, keys.key, keys.trust)
    return served


class Arriving(Store):
    """A store of which pieces of any length come, those of the model's stretches mixed or each stretch in its turn."""

    def __init__(self, url: str, seed: int, *, mixed: bool) -> None:
        super().__init__(url)
        self._chance = random.Random(seed)
        self._mixed = mixed
        self._turns: list[int] = []
        self._turn = Condition()
        self.asked: list[tuple[str, int, int]] = []

    def wait_for(self, starts: list[int]) -> None:
        """Which stretches of the model will be asked for; they come in an order of chance."""
        self._turns = self._chance.sample(starts, len(starts))

    def read_range(self, path: str, start: int, length: int) -> Iterator[bytes]:
        self.asked.append((path, start, length))
        content = b"".join(map(bytes, super().read_range(path, start, length)))
        in_turn = path.endswith(MODEL) and not self._mixed
        if in_turn:
            with self._turn:
                assert self._turn.wait_for(lambda: self._turns[0] == start, timeout=30)
        while content:
            length = self._chance.randrange(1, 900)
            time.sleep(self._chance.random() / 1000 if self._mixed else 0)
            yield content[:length]
            content = content[length:]
        if in_turn:
            with self._turn:
                self._turns.pop(0)
                self._turn.notify_all()


@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_a_file_whose_stretches_come_in_any_order_hashes_right(
    seed: int, mixed: bool, directory: Place, served: ServedSet, keys: Keys, tmp_path: Path
) -> None:
    store = Arriving(directory.url, seed, mixed=mixed)
    store.wait_for([0, 2000, 4000, 6000, 8000, 10_000])
    pulled = pull(store, "vision", served.digest, tmp_path / "there", keys.trust)
    assert bytes_below(pulled.directory) == FILES
    assert pulled.fetched == served.total_bytes == sum(length for _, _, length in store.asked)


class EndedError(Exception):
    pass


@pytest.mark.parametrize("seed", range(6))
def test_a_pull_goes_on_between_the_ranges_that_are_there(
    seed: int, directory: Place, served: ServedSet, keys: Keys, tmp_path: Path
) -> None:
    ranges: list[int] = []

    def end(amount: int) -> None:
        ranges.extend([amount] if amount else [])
        if len(ranges) == 2 + seed:
            raise EndedError

    into = tmp_path / "there"
    with pytest.raises(EndedError):
        pull(Arriving(directory.url, seed, mixed=True), "vision", served.digest, into, keys.trust, end)
    store = Arriving(directory.url, seed + 1, mixed=True)
    pulled = pull(store, "vision", served.digest, into, keys.trust)
    assert bytes_below(pulled.directory) == FILES
    assert pulled.resumed > 0
    assert pulled.fetched == sum(length for _, _, length in store.asked)


def test_what_was_tampered_with_is_refused_without_being_fetched_again(
    directory: Place, served: ServedSet, keys: Keys, tmp_path: Path
) -> None:
    path = content_key("vision", served.digest, MODEL)
    directory.store.delete([path])
    directory.store.create(path, bytes(len(FILES[MODEL])))
    store = Arriving(directory.url, 0, mixed=True)
    with pytest.raises(RefusedError, match="TU247"):
        pull(store, "vision", served.digest, tmp_path / "there", keys.trust)
    assert len(store.asked) == len(set(store.asked))


def test_what_comes_is_asked_for_by_stretches_and_a_small_file_at_once(
    directory: Place, served: ServedSet, keys: Keys, tmp_path: Path
) -> None:
    store = Arriving(directory.url, 0, mixed=True)
    pull(store, "vision", served.digest, tmp_path / "there", keys.trust)
    prefix = content_key("vision", served.digest, "")
    assert sorted((path.removeprefix(prefix), start, length) for path, start, length in store.asked) == [
        *((MODEL, start, min(2000, 10_500 - start)) for start in range(0, 10_500, 2000)),
        ("digits/config.pbtxt", 0, 300),
    ]
