"""A line that is there is found; one that is not is not made up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from measuring.profile.curve import Point, UnfittableError, fit, misses
from planning.profiles.service import Curve

MICRO = 1e-6
coefficients = st.floats(min_value=10 * MICRO, max_value=0.5)
batches = st.lists(st.integers(1, 128), min_size=2, max_size=12, unique=True)


def points(curve: Curve, sizes: list[int], factors: list[float] | None = None) -> list[Point]:
    factors = factors or [1.0] * len(sizes)
    return [
        Point(batch=size, seconds=curve.seconds(size) * factor, executions=50)
        for size, factor in zip(sizes, factors, strict=True)
    ]


@given(coefficients, coefficients, batches)
def test_an_exact_line_is_found_with_no_error(a: float, b: float, sizes: list[int]) -> None:
    found = fit(points(Curve(a=a, b=b), sizes))
    assert [found.seconds(size) for size in sizes] == pytest.approx([a + b * size for size in sizes], rel=1e-6)
    assert max(found.a_error, found.b_error) < 1e-6 * (a + b)


@given(coefficients, coefficients, batches, st.data())
def test_neither_coefficient_is_ever_below_zero(a: float, b: float, sizes: list[int], data: st.DataObject) -> None:
    factors = data.draw(st.lists(st.floats(0.2, 5.0), min_size=len(sizes), max_size=len(sizes)))
    found = fit(points(Curve(a=a, b=b), sizes, factors))
    assert found.a >= 0
    assert found.b >= 0


@given(st.integers(0, 1000))
def test_the_standard_errors_say_how_far_the_fit_moves(seed: int) -> None:
    random = np.random.default_rng(seed)
    curve, sizes = Curve(a=0.002, b=0.0001), [1, 2, 4, 8, 16, 32, 64]
    found = fit(points(curve, sizes, [float(one) for one in random.normal(1, 0.02, len(sizes))]))
    assert abs(found.a - curve.a) < 8 * found.a_error + 1e-5
    assert abs(found.b - curve.b) < 8 * found.b_error + 1e-6


@given(coefficients, coefficients)
def test_a_point_of_many_executions_outweighs_one_of_few(a: float, b: float) -> None:
    curve = Curve(a=a, b=b)
    good = [Point(batch=size, seconds=curve.seconds(size), executions=10_000) for size in (1, 8, 32)]
    bad = Point(batch=16, seconds=3 * curve.seconds(16), executions=1)
    assert fit([*good, bad]).seconds(8) == pytest.approx(curve.seconds(8), rel=0.01)


@pytest.mark.parametrize("sizes", [[], [4]])
def test_one_batch_size_is_no_line(sizes: list[int]) -> None:
    with pytest.raises(UnfittableError, match="two batch sizes"):
        fit(points(Curve(a=1, b=1), sizes))


def test_misses_are_shares_of_what_was_measured() -> None:
    found = misses([1.1, 1.5], [1.0, 2.0], [3, 1])
    assert found is not None
    assert (found.mean, found.greatest, found.count) == (pytest.approx((0.1 * 3 + 0.25) / 4), pytest.approx(0.25), 2)
    assert misses([], []) is None
