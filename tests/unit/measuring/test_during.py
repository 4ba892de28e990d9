"""Traffic around a disruption: sent throughout, believed only where it was, and told on one clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from kserve_server import Server, serving

from measuring.during import Stream, Traffic, TrafficError, observe
from measuring.kinds import ClientKind
from measuring.question import Question, read_question
from measuring.run import UnreachableError


@pytest.fixture
def question(tmp_path: Path) -> Question:
    model = tmp_path / "m"
    model.mkdir()
    given = {"name": "X", "shape": [2], "datatype": "FP32", "data": [1, 2]}
    sample = {"caption": "two", "request": {"inputs": [given]}, "show": "tensor", "expect": {"shape": [2]}}
    (model / "sample.json").write_text(json.dumps(sample))
    return read_question(model)


@pytest.fixture
def server() -> Generator[Server]:
    """A server of its own thread, which goes on while the test blocks."""
    up: list[Server] = []
    there, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with serving() as running:
            up.append(running)
            there.set()
            while not over.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert there.wait(10)
    yield up[0]
    over.set()
    thread.join()


def streams(server: Server, question: Question, rate: float = 50) -> list[Stream]:
    target = f"127.0.0.1:{server.port}"
    return [
        Stream(name="m", target=target, kind=kind, question=question, rate=rate, timeout_s=2)
        for kind in (ClientKind.HTTP, ClientKind.HTTP_FRESH)
    ]


def test_every_kind_asks_from_before_a_disruption_until_after_it(server: Server, question: Question) -> None:
    observed = observe(streams(server, question), lambda: time.sleep(1.0), before_s=0.5, settle_s=0.5)
    assert set(observed.by_kind) == {ClientKind.HTTP, ClientKind.HTTP_FRESH}
    for heard in observed.heard:
        assert heard.summary.ok == len(heard.records)
        assert heard.sent_between(observed.began - 0.5, observed.began) > 5
        assert heard.sent_between(observed.began, observed.ended) > 20
        assert heard.sent_between(observed.ended, observed.ended + 0.5) > 5


def test_what_a_disruption_costs_is_told_when_it_was_lost(server: Server, question: Question) -> None:
    def disrupt() -> str:
        server.behaviour = "error"
        time.sleep(0.5)
        server.behaviour = "right"
        return "done"

    observed = observe(streams(server, question), disrupt, before_s=0.5, settle_s=0.5)
    assert observed.result == "done"
    for heard in observed.heard:
        assert 5 < len(heard.lost()) < len(heard.records)
        for record in heard.lost():
            assert observed.began - 0.1 < heard.began + record.ended < observed.ended + 0.3
    assert "it is broken" in observed.report()


def test_a_server_that_cannot_be_asked_is_refused_before_anything_is_disrupted(question: Question) -> None:
    nobody = Stream(name="m", target="127.0.0.1:9", kind=ClientKind.HTTP, question=question, rate=1, timeout_s=2)
    disrupted: list[int] = []
    with pytest.raises(UnreachableError, match="model 'm' over http"):
        observe([nobody], lambda: disrupted.append(1), before_s=0, settle_s=0)
    assert disrupted == []


def test_clients_that_die_are_no_traffic(server: Server, question: Question) -> None:
    def kill() -> None:
        (child,) = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()[-1:]
        os.kill(int(child), signal.SIGKILL)
        time.sleep(0.2)

    with pytest.raises(TrafficError):
        observe(streams(server, question), kill, before_s=0, settle_s=0)


def test_a_disruption_that_fails_ends_the_traffic(server: Server, question: Question) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    before = set(children())
    with contextlib.suppress(ZeroDivisionError):
        observe(streams(server, question), fail, before_s=0, settle_s=0)
    assert not [pid for pid in set(children()) - before if "spawn_main" in command(pid)]


def test_traffic_ends_with_whoever_started_it(server: Server, question: Question) -> None:
    with Traffic(streams(server, question)):
        pass
    assert not [pid for pid in children() if "spawn_main" in command(pid)]


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
