"""Many transfers at once; the first that fails ends them all, and so does Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

AT_ONCE = 16
"""Requests under way at a time. They wait for the network, not for Python."""

T = TypeVar("T")
R = TypeVar("R")

Advance = Callable[[int], None]
"""Told of every number of bytes that is done with."""


class StoppedError(Exception):
    """Another transfer failed, which is what is reported."""


def together(do: Callable[[T], R], items: Iterable[T], stop: Event, at_once: int = AT_ONCE) -> Sequence[R]:
    """`do` of each item, in order. `stop` is set where one raises, for those under way to look at between pieces."""
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="transfer")
    futures: list[Future[R]] = []
    try:
        futures = [pool.submit(do, item) for item in items]
        wait(futures, return_when=FIRST_EXCEPTION)
        failures = [error for one in futures if one.done() and (error := one.exception())]
        for error in sorted(failures, key=lambda error: isinstance(error, StoppedError)):
            raise error
        return [one.result() for one in futures]
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
