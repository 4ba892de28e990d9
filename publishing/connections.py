"""Transfers over as many connections at a time as their speed asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import TypeVar

from publishing.together import StoppedError

LEAST, MOST = 4, 16
"""Connections at a time. It begins with the least."""

SLOW = 128 * 2**20
"""Bytes a second of one connection. Below it another one is opened beside it: S3 gives some 85 MB/s to each (AWS,
"Best practices design patterns: optimizing Amazon S3 performance": a request at a time for each 85 to 90 MB/s that are
wanted). A store that gives more fills a node's network with few, and most of what comes by few is hashed while it is in
the processor's cache."""

T = TypeVar("T")


def transfer(do: Callable[[T], int], take: Callable[[], T | None], stop: Event) -> None:
    """`do` of each item that `take` gives until it gives none; `do` says how many bytes that was. The first that fails
    ends them all, and so does Ctrl-C: then `stop` is set, for those under way to look at between pieces."""
    lock = Lock()
    lines: list[Future[None]] = []
    pool = ThreadPoolExecutor(MOST, thread_name_prefix="transfer")

    def line() -> None:
        try:
            while not stop.is_set() and (one := take()) is not None:
                begun = time.monotonic()
                moved = do(one)
                if moved < SLOW * (time.monotonic() - begun):
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
