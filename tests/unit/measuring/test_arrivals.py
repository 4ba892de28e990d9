"""When requests are sent is settled before the first one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measuring.arrivals import (
    GREATEST_COUNT,
    GREATEST_S,
    Arrivals,
    Constant,
    Poisson,
    UnboundedLoadError,
    arrival_times,
    unending_times,
)

rates = st.floats(0.1, 500)
lengths = st.floats(0.1, 20)
loads = st.one_of(
    st.builds(Constant, rate=rates, seconds=lengths),
    st.builds(Poisson, rate=rates, seconds=lengths, seed=st.integers(0, 2**31)),
)


@given(loads)
def test_times_ascend_and_end_with_the_load(load: Arrivals) -> None:
    times = arrival_times(load)
    assert list(times) == sorted(times)
    assert all(0 <= time < load.seconds for time in times)
    assert times == arrival_times(load)


@given(rates, lengths)
def test_a_constant_load_has_equal_gaps_and_its_rate(rate: float, seconds: float) -> None:
    times = arrival_times(Constant(rate=rate, seconds=seconds))
    assert abs(len(times) - rate * seconds) <= 1
    assert all(later - earlier == pytest.approx(1 / rate) for earlier, later in itertools.pairwise(times))


def test_poisson_arrivals_have_the_rate_and_the_spread_of_independent_users() -> None:
    counts = [len(arrival_times(Poisson(rate=50, seconds=10, seed=seed))) for seed in range(200)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / (len(counts) - 1)
    assert mean == pytest.approx(500, rel=0.02)  # 12 standard errors
    assert 0.6 < variance / mean < 1.5  # a Poisson count's variance is its mean
    assert arrival_times(Poisson(rate=50, seconds=1, seed=1)) != arrival_times(Poisson(rate=50, seconds=1, seed=2))


@pytest.mark.parametrize(
    ("rate", "seconds", "said"),
    [
        (0, 1, "above 0"),
        (1, 0, "above 0"),
        (-5, 1, "above 0"),
        (float("nan"), 1, "above 0"),
        (1, GREATEST_S + 1, "too long"),
        (GREATEST_COUNT, 2, "at most"),
    ],
)
def test_an_unbounded_load_is_refused(rate: float, seconds: float, said: str) -> None:
    for load in (Constant(rate=rate, seconds=seconds), Poisson(rate=rate, seconds=seconds, seed=0)):
        with pytest.raises(UnboundedLoadError, match=said):
            arrival_times(load)


@given(st.floats(50, 500), st.integers(0, 2**31))
def test_a_load_without_an_end_ascends_at_its_rate_and_follows_from_its_seed(rate: float, seed: int) -> None:
    count = 2000
    times = list(itertools.islice(unending_times(rate, seed), count))
    assert times == sorted(times)
    assert times == list(itertools.islice(unending_times(rate, seed), count))
    # The time of the 2000th arrival has a standard deviation of 1/45 of its mean.
    assert abs(times[-1] - count / rate) < 6 / 45 * count / rate


def test_a_load_without_an_end_still_ends_by_itself() -> None:
    times = list(unending_times(0.01, 1))
    assert times[-1] < GREATEST_S
    assert len(times) < 100


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_load_without_an_end_has_a_rate(rate: float) -> None:
    with pytest.raises(UnboundedLoadError):
        unending_times(rate, 1)
