"""Traffic to a real Triton: right answers by all three kinds of client, and the truth about what is lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import typer
from serving_workplace import Workplace
from typer.testing import CliRunner

from cli.traffic import traffic
from local.triton import RunningTriton
from measuring.arrivals import Constant, Poisson
from measuring.drain import Cost, Disruption, measure
from measuring.kinds import ClientKind
from measuring.pods import Leaving, write_sleeping_model
from measuring.question import read_question
from measuring.records import Failed, Kind, Record
from measuring.run import Load, run
from measuring.summary import WRONG

app = typer.Typer()
app.command()(traffic)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sleeping_model(tmp_path_factory.mktemp("models"), seconds=0.05, instances=4)


@pytest.fixture(scope="module")
def triton(workplace: Workplace, model: Path) -> RunningTriton:
    return workplace.start_ready([model])


def target(triton: RunningTriton, kind: ClientKind) -> str:
    ports = triton.prepared.ports
    return f"127.0.0.1:{ports.grpc if kind is ClientKind.GRPC else ports.http}"


def command(triton: RunningTriton, model: Path, kind: ClientKind, *more: str) -> tuple[int, Any]:
    told = CliRunner().invoke(
        app,
        [
            *("--model", model.name, "--repository", str(model.parent), "--url", target(triton, kind)),
            *("--client", kind.value, "--rate", "20", "--seconds", "1.5", "--json", *more),
        ],
    )
    return told.exit_code, json.loads(told.stdout)


@pytest.mark.parametrize("kind", list(ClientKind))
def test_every_kind_of_client_gets_every_right_answer(
    triton: RunningTriton, model: Path, kind: ClientKind, tmp_path: Path
) -> None:
    code, summary = command(triton, model, kind, "--constant", "--records", str(tmp_path / "records.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]
    assert (code, summary["count"], summary["failures"]) == (0, 30, 0)
    assert [line["planned_s"] for line in lines] == [pytest.approx(number / 20, abs=1e-5) for number in range(30)]
    assert all(line["latency_s"] >= 0.05 for line in lines)  # the model takes that long


def test_a_wrong_answer_is_counted_and_fails_the_command(triton: RunningTriton, model: Path, tmp_path: Path) -> None:
    other = tmp_path / model.name
    other.mkdir()
    sample = json.loads((model / "sample.json").read_text())
    (other / "sample.json").write_text(json.dumps({**sample, "expect": {"shape": [5]}}))
    code, summary = command(triton, other, ClientKind.HTTP)
    assert code == 1
    assert summary["failed"] == {WRONG: summary["count"]}


def test_an_unknown_model_sends_nothing(triton: RunningTriton, model: Path, tmp_path: Path) -> None:
    other = tmp_path / "nobody"
    other.mkdir()
    (other / "sample.json").write_text((model / "sample.json").read_text())
    told = CliRunner().invoke(
        app,
        ["--model", "nobody", "--repository", str(tmp_path), "--url", target(triton, ClientKind.GRPC), "-c", "grpc"],
    )
    assert told.exit_code == 2
    assert "nobody" in told.output


@pytest.mark.parametrize("kind", list(ClientKind))
def test_what_a_crash_costs_is_told_for_what_it_is(workplace: Workplace, model: Path, kind: ClientKind) -> None:
    triton = workplace.start_ready([model])
    crashed = threading.Event()
    seen: list[Record] = []

    def note(record: Record) -> None:
        seen.append(record)
        if record.number == 20 and not crashed.is_set():
            crashed.set()
            threading.Thread(target=triton.stop).start()

    load = Load(
        target=target(triton, kind),
        kind=kind,
        question=read_question(model),
        arrivals=Poisson(rate=40, seconds=2, seed=3),
        timeout_s=5,
    )
    records = run(load, note)
    failures = [record.outcome for record in records if isinstance(record.outcome, Failed)]
    assert len(records) == len(seen)
    assert failures
    assert {failure.kind for failure in failures} <= {Kind.REFUSED, Kind.DISCONNECTED}
    assert not any(record.failed for record in records[:15])


def test_the_arrival_times_do_not_depend_on_the_answers(triton: RunningTriton, model: Path) -> None:
    load = Load(
        target=target(triton, ClientKind.HTTP),
        kind=ClientKind.HTTP,
        question=read_question(model),
        arrivals=Constant(rate=160, seconds=1),  # twice what 4 instances of 50 ms can answer
        timeout_s=30,
    )
    records = run(load)
    assert [record.planned for record in records] == [number / 160 for number in range(160)]
    assert records[-1].latency > 0.4  # the queue that this has made, which a client that waits would not have


def leaving(workplace: Workplace, age_ms: int | None) -> Cost:
    """What the deletion of one of two pods costs gRPC clients that learn of it a second late."""
    age = {} if age_ms is None else {"grpc-max-connection-age": age_ms, "grpc-max-connection-age-grace": 5000}
    return measure(
        Disruption(
            leaving=Leaving(pre_stop_s=4, exit_timeout_s=5, grace_s=10, flags=age),
            sidecar=None,
            kinds=(ClientKind.GRPC,),
            rate=30,
            seconds=8,
            delete_at_s=1.5,
            lag_s=1,
            seed=7,
            model_s=0.05,
            instances=4,
        ),
        workplace.installed,
    )


def test_no_grpc_request_is_lost_when_a_pod_leaves_with_an_age_for_its_connections(workplace: Workplace) -> None:
    cost = leaving(workplace, 1000)  # 1 s of lag, 1.1 s of age, and a margin are below 4 s of preStop
    assert cost.summaries["grpc"].failed == {}
    assert cost.summaries["grpc"].count > 150


def test_the_measurement_sees_what_is_lost_without_it(workplace: Workplace) -> None:
    cost = leaving(workplace, None)
    assert cost.summaries["grpc"].failures > 0
    assert min(cost.failed_at["grpc"]) > 3.5  # none before SIGTERM
