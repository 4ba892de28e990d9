"""Releases follow one another, and what one needs agrees with what it carries."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.catalogue import CATALOGUE
from planning.catalogue.releases import RELEASES, TritonRelease, release_order

every_release = pytest.mark.parametrize("release", RELEASES.values(), ids=lambda release: release.tag)
OLDEST_DRIVER = {12: 525, 13: 580}
"""CUDA Compatibility, minor-version compatibility: major version to driver branch."""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@pytest.mark.parametrize(
    "field", ["tag", "server_version", "released", "cuda", "tensorrt", "onnxruntime", "bundled_driver"]
)
def test_a_later_release_carries_nothing_older(field: str) -> None:
    known = [value for release in RELEASES.values() if (value := getattr(release, field)) is not None]
    split = "-" if field == "released" else "."
    ordered = [tuple(int(part) for part in value.split(split)) for value in known]
    assert len(ordered) > 1
    assert all(older <= newer for older, newer in pairwise(ordered))


@every_release
def test_it_was_released_in_its_month_or_the_next(release: TritonRelease) -> None:
    if release.released is not None:
        day, (year, month) = date.fromisoformat(release.released), release.order
        assert 0 <= (day.year - 2000 - year) * 12 + day.month - month <= 1


@every_release
def test_its_driver_is_the_oldest_that_its_cuda_runs_on(release: TritonRelease) -> None:
    assert release.cuda is not None
    assert release.min_driver is not None
    assert int(release.min_driver) == OLDEST_DRIVER[_numbers(release.cuda)[0]]
    if release.bundled_driver is not None:
        assert _numbers(release.bundled_driver) >= _numbers(release.min_driver)


def test_a_bulletin_is_fixed_first_by_one_release_only() -> None:
    fixes = [bulletin for release in RELEASES.values() for bulletin in release.fixes]
    assert len(set(fixes)) == len(fixes)


@every_release
def test_a_release_before_a_known_fix_is_not_secure(release: TritonRelease) -> None:
    missing = [later for later in RELEASES.values() if later.order > release.order and later.fixes]
    assert CATALOGUE.is_secure(release.tag) == (not missing)


tags = st.builds("{}.{:02}".format, st.integers(20, 40), st.integers(1, 12))


@given(tags, tags)
def test_age_orders_tags_as_the_calendar_does(one: str, other: str) -> None:
    assert (release_order(one) < release_order(other)) == (one < other)


@given(tags, tags)
def test_no_release_is_secure_where_a_later_one_is_not(one: str, other: str) -> None:
    older, newer = sorted((one, other))
    assert CATALOGUE.is_secure(newer) or not CATALOGUE.is_secure(older)


@pytest.mark.parametrize("tag", ["", "latest", "26", "26.", ".08", "v26.08", "26.08-py3", "26.8.1"])
def test_what_is_no_release_is_refused_by_name(tag: str) -> None:
    with pytest.raises(ValueError, match=r"YY\.MM"):
        release_order(tag)
