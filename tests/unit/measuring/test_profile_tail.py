"""The tail that a profile is judged by, and the rate of a flood."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from measuring.profile.loads import _rate  # pyright: ignore[reportPrivateUsage] - a flood without a server
from measuring.profile.tail import MOST_SLICES, undisturbed

COUNT = 3000


def some_latencies(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 0.005, COUNT)


@given(
    seed=st.integers(0, 1000),
    begins=st.integers(0, COUNT - 1),
    lasts=st.integers(1, COUNT * (MOST_SLICES // 2 - 1) // MOST_SLICES),
)
def test_what_stops_the_machine_for_a_third_of_a_load_does_not_decide_its_tail(
    seed: int, begins: int, lasts: int
) -> None:
    quiet = some_latencies(seed)
    stopped = quiet.copy()
    stopped[begins : begins + lasts] += 1.0
    slices = [np.percentile(one, 99) for one in np.array_split(quiet, MOST_SLICES)]
    assert min(slices) <= undisturbed(stopped, 99) <= max(slices)


def test_a_model_that_is_always_slow_is_not_called_interrupted() -> None:
    quiet = some_latencies(0)
    slow = np.where(np.arange(COUNT) % 50 == 0, 1.0, quiet)
    assert undisturbed(slow, 99) == pytest.approx(np.percentile(slow, 99))


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=199))
def test_the_tail_of_few_requests_is_that_of_all(few: list[float]) -> None:
    assert undisturbed(few, 99) == np.percentile(few, 99)


@given(batch=st.integers(1, 128), rate=st.floats(50, 5000))
def test_a_flood_is_as_fast_as_its_batches_whatever_their_size(batch: int, rate: float) -> None:
    batches = max(40, round(6 * rate / batch))
    answered = [(number // batch + 1) * batch / rate + 1e-9 * number for number in range(batches * batch)]
    assert _rate(answered, 0.0, answered[-1]) == pytest.approx(rate, rel=0.05)


def test_a_flood_of_which_a_span_has_no_two_answers_still_has_a_rate() -> None:
    assert _rate([0.5], 0.0, 1.0) == 1.0
