"""Transfers over as many connections at a time as their speed asks for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock
from typing import TypeVar

from publishing.together import StoppedError

LEAST, MOST = 4, 16
"""Connections at a time. It begins with the least."""

SLOW = 100e6
"""Bytes a second of one connection, of the time in which it was waited for. Below it another one is opened beside it:
S3 gives some 85 MB/s to each (AWS, "Best practices design patterns: optimizing Amazon S3 performance": a request at a
time for each 85 to 90 MB/s that are wanted). A store that gives more fills a node's network with few."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Moved:
    """How many bytes one transfer moved, and how many seconds it waited for them: not those in which they were hashed
    and written."""

    bytes: int
    waited: float


def transfer(do: Callable[[T], Moved], items: Iterable[T], stop: Event) -> None:
    """`do` of each item, begun in order. The first that fails ends them all, and so does Ctrl-C: `stop` is set then,
    for those under way to look at between pieces."""
    left = deque(items)
    lock = Lock()
    lines: list[Future[None]] = []
    pool = ThreadPoolExecutor(MOST, thread_name_prefix="transfer")

    def line() -> None:
        try:
            while not stop.is_set():
                try:
                    one = left.popleft()
                except IndexError:
                    return
                moved = do(one)
                if moved.bytes < SLOW * moved.waited:
                    begin()
        except BaseException:
            stop.set()
            raise

    def begin() -> None:
        with lock:
            if len(lines) < MOST and not stop.is_set():
                lines.append(pool.submit(line))

    try:
        for _ in range(LEAST):
            begin()
        failures: list[BaseException] = []
        for one in lines:  # which grows while any of them is under way
            if failed := one.exception():
                failures.append(failed)
        for failed in sorted(failures, key=lambda failed: isinstance(failed, StoppedError)):
            raise failed
    finally:
        stop.set()
        pool.shutdown()
