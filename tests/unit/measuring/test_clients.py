"""Each kind of client holds its connections as it says, and tells every failure for what it is."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest
from kserve_server import Behaviour, serving

from local.errors import CannotServeError
from measuring.arrivals import Constant
from measuring.clients import client_of
from measuring.kinds import ClientKind
from measuring.load import send
from measuring.question import Question, read_question
from measuring.records import Failed, Kind, Ok, Outcome, Wrong
from measuring.run import Load, UnreachableError, run


@pytest.fixture
def question(tmp_path: Path) -> Question:
    model = tmp_path / "m"
    model.mkdir()
    given = {"name": "X", "shape": [2], "datatype": "FP32", "data": [1, 2]}
    sample = {"caption": "two", "request": {"inputs": [given]}, "show": "tensor", "expect": {"shape": [2]}}
    (model / "sample.json").write_text(json.dumps(sample))
    return read_question(model)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def outcomes(kind: ClientKind, behaviour: Behaviour, question: Question, count: int = 1) -> tuple[list[Outcome], int]:
    """What `count` requests in a row came to, and how many connections were made for them."""

    async def go() -> tuple[list[Outcome], int]:
        async with serving(behaviour) as server:
            client = client_of(kind, f"127.0.0.1:{server.port}", question, timeout_s=0.5)
            await client.prepare()
            before = server.connections
            told = [await client.ask() for _ in range(count)]
            await client.close()
            return told, server.connections - before

    return asyncio.run(go())


def test_a_kept_alive_client_holds_its_connection_and_a_fresh_one_makes_its_own(question: Question) -> None:
    assert outcomes(ClientKind.HTTP, "right", question, 5) == ([Ok()] * 5, 0)
    assert outcomes(ClientKind.HTTP_FRESH, "right", question, 5) == ([Ok()] * 5, 5)


@pytest.mark.parametrize("kind", [ClientKind.HTTP, ClientKind.HTTP_FRESH])
@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [("cut", Kind.DISCONNECTED), ("never", Kind.TIMEOUT), ("error", Kind.STATUS)],
)
def test_a_failure_is_told_by_its_kind(
    kind: ClientKind, behaviour: Behaviour, expected: Kind, question: Question
) -> None:
    ((outcome,), _) = outcomes(kind, behaviour, question)
    assert isinstance(outcome, Failed)
    assert outcome.kind is expected
    assert outcome.text


def test_a_lost_request_is_not_sent_again(question: Question) -> None:
    told, connections = outcomes(ClientKind.HTTP_FRESH, "cut", question, 3)
    assert [outcome.kind for outcome in told if isinstance(outcome, Failed)] == [Kind.DISCONNECTED] * 3
    assert connections == 3


def test_an_answer_that_the_sample_does_not_expect_is_wrong(question: Question) -> None:
    ((outcome,), _) = outcomes(ClientKind.HTTP, "wrong", question)
    assert outcome == Wrong("shape of Y is [3], expected [2]")


@pytest.mark.parametrize("kind", list(ClientKind))
def test_where_nothing_listens_the_load_does_not_begin(kind: ClientKind, question: Question) -> None:
    load = Load(
        target=f"127.0.0.1:{closed_port()}",
        kind=kind,
        question=question,
        arrivals=Constant(rate=1, seconds=1),
        timeout_s=2,
    )
    with pytest.raises(UnreachableError, match="'m' over"):
        run(load)


@pytest.mark.parametrize("kind", list(ClientKind))
def test_a_server_that_is_gone_refuses(kind: ClientKind, question: Question) -> None:
    async def go() -> Outcome:
        client = client_of(kind, f"127.0.0.1:{closed_port()}", question, timeout_s=2)
        (record,) = await send([0.0], client)
        await client.close()
        return record.outcome

    outcome = asyncio.run(go())
    assert isinstance(outcome, Failed)
    assert outcome.kind is Kind.REFUSED


def test_a_model_without_a_sample_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    with pytest.raises(CannotServeError, match=r"bare has no sample\.json"):
        read_question(tmp_path / "bare")
