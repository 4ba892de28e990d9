"""docs/drain-benchmark.md says what benchmarks/drain/results.json says."""

from __future__ import annotations

import re

import pytest

from benchmarks.drain.__main__ import ONCE
from benchmarks.drain.page import GRACEFUL, PAGE, PLOT, blocks, picture
from benchmarks.drain.results import About, read_about, read_runs
from benchmarks.drain.run import Run

AGAIN = "`python -m benchmarks.drain page` writes it again"


@pytest.fixture(scope="module")
def measured() -> tuple[About, list[Run]]:
    about = read_about()
    assert about is not None
    return about, read_runs()


def test_the_tables_are_those_of_the_results(measured: tuple[About, list[Run]]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, block in blocks(*measured).items():
        found = re.findall(f"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", text, flags=re.DOTALL)
        assert found == [block], f"{name}: {AGAIN}"


def test_the_plot_is_that_of_the_results(measured: tuple[About, list[Run]]) -> None:
    assert PLOT.read_text(encoding="utf-8") == picture(*measured), AGAIN


def test_every_disruption_was_done_to_all_settings_several_times(measured: tuple[About, list[Run]]) -> None:
    about, runs = measured
    keys = {one["key"] for one in about["settings"]}
    for run in runs:
        assert {cell.settings for cell in run.cells} == keys
    for kind in {run.kind for run in runs} - set(ONCE):
        assert sum(run.kind == kind for run in runs) >= 5, kind
    assert {kind.value for kind in GRACEFUL} <= {run.kind for run in runs}
