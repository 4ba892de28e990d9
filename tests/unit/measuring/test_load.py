"""An open loop: no answer, however late or missing, moves or hides a request."""

from __future__ import annotations

import asyncio
import io
import itertools
import json

import pytest

from measuring.load import send
from measuring.records import Failed, Kind, Ok, Outcome, Record, write_lines
from measuring.summary import LATE_S, doubt, summarise


class Hanging:
    """Answers at once, but for those that meet the hang: they get their answers when it is over."""

    def __init__(self, begins: float, ends: float) -> None:
        self.begins, self.ends = begins, ends
        self.open = 0

    async def prepare(self) -> None:
        self.started = asyncio.get_running_loop().time()

    async def ask(self) -> Outcome:
        now = asyncio.get_running_loop().time() - self.started
        self.open += 1
        try:
            if self.begins <= now < self.ends:
                await asyncio.sleep(self.ends - now)
            return Ok()
        finally:
            self.open -= 1

    async def close(self) -> None:
        return


def sent(times: list[float], client: Hanging, in_flight: int = 1000) -> tuple[Record, ...]:
    async def go() -> tuple[Record, ...]:
        await client.prepare()
        return await send(times, client, in_flight=in_flight)

    return asyncio.run(go())


def test_requests_go_out_on_time_while_the_server_hangs() -> None:
    times = [number / 100 for number in range(100)]
    records = sent(times, Hanging(0.2, 0.8))
    assert [record.number for record in records] == list(range(100))
    assert sum(record.late > LATE_S for record in records) < 10  # two busy cores
    slow = [record for record in records if record.latency > 0.3]
    # Those planned in the first half of the hang. A client that waits would have sent one of them.
    assert 25 <= len(slow) <= 35
    assert summarise(records).ok == 100


def test_a_request_that_is_not_sent_is_a_failure_and_a_doubt() -> None:
    records = sent([0.01 * number for number in range(40)], Hanging(0, 0.6), in_flight=10)
    summary = summarise(records)
    assert summary.count == 40
    assert summary.failed == {Kind.NOT_SENT: 30}
    assert "never sent" in (doubt(summary) or "")


def test_stopping_a_load_leaves_no_request_open() -> None:
    client = Hanging(0, 60)

    async def go() -> None:
        await client.prepare()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(send([0.0, 0.01, 30.0], client), 0.2)
        await asyncio.sleep(0)
        assert client.open == 0

    asyncio.run(go())


def test_what_was_planned_before_the_stop_is_sent_and_nothing_after_it() -> None:
    client = Hanging(0, 0)

    async def go() -> tuple[tuple[Record, ...], float]:
        until = asyncio.Event()
        await client.prepare()
        asyncio.get_running_loop().call_later(0.3, until.set)
        records = await send((number / 100 for number in itertools.count()), client, until=until)
        return records, asyncio.get_running_loop().time() - client.started

    records, took = asyncio.run(go())
    assert [record.number for record in records] == list(range(len(records)))
    assert 0.2 < records[-1].planned < took < 2
    assert records[-1].planned > 0.3 - 0.011


def test_a_stop_waits_for_the_answers_of_what_was_sent() -> None:
    async def go() -> tuple[Record, ...]:
        client, until = Hanging(0, 0.5), asyncio.Event()
        await client.prepare()
        asyncio.get_running_loop().call_later(0.1, until.set)
        return await send((number / 100 for number in itertools.count()), client, until=until)

    records = asyncio.run(go())
    assert len(records) > 5
    assert summarise(records).ok == len(records)


def record(number: int, planned: float, late: float, took: float, outcome: Outcome) -> Record:
    return Record(number=number, planned=planned, started=planned + late, ended=planned + late + took, outcome=outcome)


def test_a_late_client_does_not_flatter_the_server() -> None:
    records = [record(number, 0.1 * number, 1.0, 0.01, Ok()) for number in range(10)]
    summary = summarise(records)
    assert summary.p50 == pytest.approx(1.01)
    assert summary.late == 10
    assert summary.latest == pytest.approx(1.0)
    assert "10 of 10" in (doubt(summary) or "")


def test_quick_refusals_do_not_improve_the_latency() -> None:
    answered = [record(number, 0, 0, 0.5, Ok()) for number in range(5)]
    refused = [record(5 + number, 0, 0, 0.001, Failed(Kind.REFUSED, "no")) for number in range(95)]
    summary = summarise([*answered, *refused])
    assert summary.p50 == summary.greatest == pytest.approx(0.5)
    assert (summary.ok, summary.failures, summary.failed) == (5, 95, {Kind.REFUSED: 95})
    assert doubt(summary) is None
    assert summarise(refused).p50 is None


def test_every_request_is_written_as_a_line_of_its_own() -> None:
    records = [record(0, 0, 0, 1, Ok()), record(1, 0.5, 0.25, 1, Failed(Kind.STATUS, "[500] two\nlines"))]
    out = io.StringIO()
    write_lines(records, out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["outcome"] for line in lines] == ["ok", "failed"]
    assert lines[1]["latency_s"] == pytest.approx(1.25)
    assert lines[1]["text"] == "[500] two\nlines"
