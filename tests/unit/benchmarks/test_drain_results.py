"""What was measured is kept as it was, goes on where it stopped, and is counted right."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from drain_runs import cell, run

from benchmarks.drain.__main__ import disturbed, missing_runs, with_aborted
from benchmarks.drain.disturbances import Kind
from benchmarks.drain.plot import Row, plot
from benchmarks.drain.results import read_about, read_runs, write_results
from benchmarks.drain.tally import crash, tally


def test_runs_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    written = [
        run("drain", 0, cell(lost={"disconnected": 2}, lost_at=[1.5, 2.25], doubt="late")),
        run("crash", 0, cell(in_flight=5, lost_in_flight=2), remarks=("an “odd” remark",), restarts={"kserve": 1}),
    ]
    write_results({"machine": {"cores": 2}}, written, file)
    assert read_runs(file) == written
    assert read_about(file) == {"machine": {"cores": 2}}


def test_without_a_file_nothing_has_been_measured(tmp_path: Path) -> None:
    assert read_runs(tmp_path / "none.json") == []
    assert read_about(tmp_path / "none.json") is None


def test_a_benchmark_that_was_killed_goes_on_with_what_is_missing() -> None:
    done = [run("rollout", 0), run("drain", 0), run("rollout", 1)]
    assert missing_runs(done, 2, [Kind.ROLL, Kind.DRAIN]) == [(Kind.DRAIN, 1)]
    assert missing_runs(done, 3, [Kind.DRAIN, Kind.CRASH]) == [
        (Kind.CRASH, 0),
        (Kind.DRAIN, 1),
        (Kind.CRASH, 1),
        (Kind.DRAIN, 2),
        (Kind.CRASH, 2),
    ]


def test_a_run_that_came_to_nothing_is_told_of() -> None:
    once = with_aborted({"machine": {}}, Kind.DRAIN, 3, "node-a is not ready\nand so on")
    assert once == {"machine": {}, "aborted": [{"kind": "drain", "number": 3, "why": "node-a is not ready"}]}
    assert [one["kind"] for one in with_aborted(once, Kind.ROLL, 0, "why")["aborted"]] == ["drain", "rollout"]


def test_losses_are_counted_by_run_and_only_of_what_was_asked_for() -> None:
    runs = [
        run(
            "drain", 0, cell(lost={"refused": 1, "disconnected": 2}), cell(client="grpc"), cell("kserve", lost={"x": 9})
        ),
        run("crash", 0, cell(lost={"refused": 7})),
        run("drain", 1, cell(doubt="late"), cell(client="grpc", lost={"disconnected": 4})),
    ]
    every = tally(runs, settings="tritonup", kinds=["drain"], clients=["http", "grpc"])
    assert (every.lost, every.total, every.sent, every.doubted) == ((3, 4), 7, 400, 1)
    assert every.why == {"disconnected": 6, "refused": 1}
    assert tally(runs, settings="tritonup", kinds=["drain"], clients=["grpc"]).lost == (0, 4)
    assert tally(runs, settings="nobody", kinds=["drain"], clients=["grpc"]).lost == ()


def test_a_crash_is_told_in_what_was_in_flight_and_what_was_lost_later() -> None:
    first = [
        cell(lost={"disconnected": 3, "refused": 4}, lost_at=[-0.05, 0.2, 1.4], in_flight=6, lost_in_flight=3),
        cell(client="grpc", lost={"disconnected": 1}, lost_at=[-0.01], in_flight=2, lost_in_flight=1),
    ]
    told = crash([run("crash", 0, *first), run("crash", 1, cell(in_flight=0, lost_in_flight=0))], settings="tritonup")
    assert (told.in_flight, told.later, told.last_s) == ((4, 0), (4, 0), (1.4, 0.0))


@pytest.mark.parametrize("lost", [[0, 0, 0], [0, 1, 10, 1234], [5]])
def test_the_plot_has_a_dot_for_each_run_in_order_of_its_losses(lost: list[int]) -> None:
    drawn = ElementTree.fromstring(plot({"a & b": [Row(label="<ours>", lost=lost)]}, title="t", axis="x"))
    dots = [float(dot.attrib["cx"]) for dot in drawn.iter("{http://www.w3.org/2000/svg}circle")]
    assert len(dots) == len(lost)
    assert dots == sorted(dots)
    assert len(set(dots)) == len(set(lost))
    assert max(dots) <= float(drawn.attrib["width"])


def test_a_graceful_disruption_in_which_a_server_ended_by_itself_is_measured_again() -> None:
    assert disturbed(run("drain", 0, cell())) is None
    why = disturbed(run("drain", 0, cell(), restarts={"kserve": 1}))
    assert why is not None
    assert "kserve" in why
    assert disturbed(run("crash", 0, cell(), restarts={"kserve": 1})) is None
