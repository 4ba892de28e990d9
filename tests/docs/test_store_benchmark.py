"""benchmarks/store/README.md says what benchmarks/store/results.json says."""

from __future__ import annotations

from benchmarks.store.page import OURS, PAGE, page, read_results

AGAIN = "`python -m benchmarks.store page` writes it again"


def test_the_page_is_that_of_the_results() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read_results()), AGAIN


def test_every_round_measured_every_tool_and_there_were_five_or_more() -> None:
    results = read_results()
    assert len(results["rounds"]) >= 5
    for one in results["rounds"]:
        assert one["seconds"].keys() == results["commands"].keys()
        assert OURS in one["order"]
