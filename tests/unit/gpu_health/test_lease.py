"""Only one acts: however two processes and their clocks interleave."""

from __future__ import annotations

import copy
import itertools
from contextlib import suppress
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from gpu_health.lease import DEADLINE_S, DURATION_S, Lease
from programs.kubernetes import Api, ApiError


class Server:
    """Holds one Lease, as the API server would: a version for each change, and no change of an older version."""

    def __init__(self) -> None:
        self.lease: Any = None
        self.down = False
        self._versions = itertools.count(1)

    def get(self, _path: str) -> Any:
        self._answer()
        if self.lease is None:
            raise ApiError("getting", 404, "no such Lease")
        return copy.deepcopy(self.lease)

    def create(self, _path: str, body: Any) -> Any:
        self._answer()
        if self.lease is not None:
            raise ApiError("creating", 409, "it is there")
        return self._store(body)

    def replace(self, _path: str, body: Any) -> Any:
        self._answer()
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ApiError("replacing", 409, "it has changed")
        return self._store(body)

    def _answer(self) -> None:
        if self.down:
            raise ApiError("calling", None, "no answer")

    def _store(self, body: Any) -> Any:
        self.lease = copy.deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(next(self._versions))
        return self.lease


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def two(server: Server) -> tuple[Clock, Lease, Lease]:
    clock, api = Clock(), cast("Api", server)
    return clock, *(Lease(api, "there", "drain", holder, clock) for holder in ("one", "other"))


STEPS = st.lists(st.tuples(st.floats(0, 12), st.sampled_from(["one", "other", "down", "up"])), max_size=60)


@given(STEPS)
def test_it_is_never_held_by_two(steps: list[tuple[float, str]]) -> None:
    server = Server()
    clock, one, other = two(server)
    for passed, who in steps:
        clock.now += passed
        if who in ("down", "up"):
            server.down = who == "down"
            continue
        with suppress(ApiError):
            (one if who == "one" else other).renew()
        assert not (one.held and other.held)


def test_who_falls_silent_is_replaced_and_has_stopped_before() -> None:
    server = Server()
    clock, one, other = two(server)
    assert one.renew()
    assert not other.renew()
    clock.now = DEADLINE_S
    assert not one.held
    assert not other.renew()
    clock.now = DURATION_S
    assert other.renew()
    assert not one.renew()
    assert server.lease["spec"]["leaseTransitions"] == 1


def test_who_is_told_to_end_leaves_it_to_the_next_at_once() -> None:
    _, one, other = two(Server())
    assert one.renew()
    one.release()
    assert not one.held
    assert other.renew()


def test_it_holds_on_while_it_renews() -> None:
    clock, one, other = two(Server())
    for _ in range(20):
        clock.now += DEADLINE_S / 2
        assert one.renew()
        assert not other.renew()
