"""docs/profile-benchmark.md says what benchmarks/profile/results.json says, and claims no doubling that it has not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.profile.page import AIM, PAGE, blocks, gain
from benchmarks.profile.results import read_results
from benchmarks.profile.run import DEFAULT, FILE, PROPOSED, Run


@pytest.fixture(scope="module")
def measured() -> tuple[Mapping[str, Any], list[Run]]:
    about, runs = read_results()
    assert runs
    return about, runs


def test_the_page_is_that_of_the_results(measured: tuple[Mapping[str, Any], list[Run]]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, block in blocks(*measured).items():
        found = re.findall(f"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", text, flags=re.DOTALL)
        assert found == [block], f"{name}: `python -m benchmarks.profile page` writes it again"


def test_all_three_configs_were_asked_in_every_round(measured: tuple[Mapping[str, Any], list[Run]]) -> None:
    for run in measured[1]:
        assert set(run.rates) == {DEFAULT, FILE, PROPOSED}
        assert len({len(rates) for rates in run.rates.values()}) == 1
        assert run.profile.model == run.model


def test_a_model_that_was_not_doubled_is_said_not_to_be(measured: tuple[Mapping[str, Any], list[Run]]) -> None:
    about, runs = measured
    verdict = blocks(about, runs)["verdict"]
    for run in runs:
        (line,) = [line for line in verdict.splitlines() if line.startswith(f"- `{run.model}`:")]
        found = gain(run)
        assert ("times as many at the same p99" in line) == (found is not None and found >= AIM)
