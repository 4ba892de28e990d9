"""What is printed and drawn of a profile says what is in it, and doubts what has to be doubted."""

from __future__ import annotations

from html.parser import HTMLParser

from cli.profile_page import profile_page
from cli.profile_text import bars, caution, hardware, loads, proposal, sentences
from tests.profiles import PROCESSOR, measured, profile

DIFF = "--- a/<config>\n+++ b/<config>\n"


class Parsed(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.circles: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "circle":
            self.circles.append(dict(attrs)["class"] or "")


def test_the_page_draws_every_point_once_and_held_out_ones_apart() -> None:
    parsed = Parsed(profile_page(profile("digits"), DIFF))
    assert parsed.tags.count("svg") == 2
    assert parsed.circles.count("out") == 3  # two batches and one load
    assert parsed.circles.count("known") == 3


def test_the_page_shows_text_as_text() -> None:
    assert "&lt;config&gt;" in profile_page(profile("digits"), DIFF)


def test_the_words_name_hardware_release_errors_and_gain() -> None:
    kept = profile("digits", hardware=PROCESSOR)
    told = " ".join([hardware(kept), *sentences(kept.measured[0], 99), proposal(kept.advice)])
    for word in ("2 cores of a processor", "26.08", "2.0% off", "10.0% off", "2.50 times", "250 requests a second"):
        assert word in told


def test_there_is_a_bar_for_each_point_and_a_line_for_each_load() -> None:
    one = measured()
    assert len(list(bars(one))) == len(one.curve)
    assert [line.endswith("held out") for line in loads(one)] == [point.held_out for point in one.latency]


def test_a_load_that_was_interrupted_is_told_with_what_all_its_requests_say() -> None:
    first, second = measured().latency
    loads_of = [first.model_copy(update={"interrupted": 0.05}), second.model_copy(update={"interrupted": 0.0105})]
    told = list(loads(measured().model_copy(update={"latency": loads_of})))
    assert told[0].endswith("50 ms with what interrupted this machine")
    assert "interrupted" not in told[1]


def test_a_prediction_that_missed_is_doubted_and_one_that_held_is_not() -> None:
    assert caution([measured()]) is None
    missed = measured().model_copy(update={"latency_error": 0.4})
    assert "40%" in (caution([measured(), missed]) or "")


def test_seconds_are_written_out_and_not_as_a_power_of_ten() -> None:
    point = measured().latency[0].model_copy(update={"measured": 1.92, "predicted": 0.9994})
    (told,) = loads(measured().model_copy(update={"latency": [point]}))
    assert "1,920 ms" in told
    assert "999 ms" in told
