"""docs/node-benchmark.md says what benchmarks/nodes/results.json says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.nodes.page import PAGE, blocks, nodes_a_pod
from benchmarks.nodes.results import read_results
from benchmarks.nodes.run import Run
from benchmarks.nodes.settings import OURS, SETTINGS


@pytest.fixture(scope="module")
def measured() -> tuple[Mapping[str, Any], list[Run]]:
    about, runs = read_results()
    assert runs
    return about, runs


def test_the_page_is_that_of_the_results(measured: tuple[Mapping[str, Any], list[Run]]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, block in blocks(*measured).items():
        found = re.findall(f"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", text, flags=re.DOTALL)
        assert found == [block], f"{name}: `python -m benchmarks.nodes page` writes it again"


def test_every_setting_was_measured_and_ours_bought_one_node_a_pod(
    measured: tuple[Mapping[str, Any], list[Run]],
) -> None:
    _, runs = measured
    assert {run.settings for run in runs} == {settings.key for settings in SETTINGS}
    assert nodes_a_pod(runs, OURS) == 1
    assert all(run.bought >= run.pods == len(run.served_s) for run in runs)


def test_a_baseline_that_shows_nothing_is_said_to(measured: tuple[Mapping[str, Any], list[Run]]) -> None:
    about, runs = measured
    verdict = blocks(about, runs)["verdict"]
    for settings in SETTINGS:
        if not settings.baseline:
            assert settings.title not in verdict
            continue
        (line,) = [line for line in verdict.splitlines() if line.startswith(f"- {settings.title}:")]
        assert ("not demonstrated" in line) == (nodes_a_pod(runs, settings.key) <= 1)
