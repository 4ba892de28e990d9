"""gc never takes what a stack names, what is served, or what is young, whatever lies in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from places import Place
from small_repository import Keys, files, served_of

from publishing.layout import read_layout
from publishing.pushing import How, push
from publishing.removing import remove, versions
from publishing.retention import Decision, Version, decide
from publishing.verifying import verify

NOW = datetime(2026, 11, 27, tzinfo=UTC)
DIGESTS = [hashlib.sha256(bytes([number])).hexdigest() for number in range(12)]

a_server = st.sampled_from(["vision", "text", "signatures"])
a_digest = st.sampled_from(DIGESTS)
an_identity = st.tuples(a_server, a_digest)
a_version = st.builds(
    Version,
    server=a_server,
    digest=a_digest,
    changed=st.integers(-2, 24 * 90).map(lambda hours: NOW - timedelta(hours=hours)),
    published=st.booleans(),
    total_bytes=st.integers(0, 10**12),
)
some_versions = st.lists(a_version, max_size=30, unique_by=lambda version: version.identity)
some_serving = st.dictionaries(a_digest, st.just("Pod a/b of c names it"), max_size=4)
a_grace = st.integers(1, 60).map(lambda days: timedelta(days=days))


@given(some_versions, st.sets(an_identity), some_serving, a_grace, st.integers(1, 5))
def test_nothing_goes_that_is_named_served_young_or_among_the_newest(
    versions: list[Version], named: set[tuple[str, str]], serving: dict[str, str], grace: timedelta, newest: int
) -> None:
    decisions = decide(versions, named=named, serving=serving, now=NOW, grace=grace, newest=newest)
    assert sorted(one.version.identity for one in decisions) == sorted(version.identity for version in versions)
    for one in decisions:
        if one.goes:
            assert one.version.identity not in named
            assert one.version.digest not in serving
            assert NOW - one.version.changed >= grace
            assert _newer(one, decisions) >= (newest if one.version.published else 0)
        assert one.why


def _newer(one: Decision, decisions: Sequence[Decision]) -> int:
    """How many published digests of its server are as new."""
    return sum(
        other.version.published
        and other.version.server == one.version.server
        and other.version is not one.version
        and other.version.changed >= one.version.changed
        for other in decisions
    )


@given(some_versions, a_grace)
def test_what_is_old_and_nobodys_goes(versions: list[Version], grace: timedelta) -> None:
    """Or the collection would collect nothing."""
    decisions = decide(versions, named=(), serving={}, now=NOW, grace=grace, newest=1)
    for one in decisions:
        if NOW - one.version.changed >= grace and (not one.version.published or _newer(one, decisions) >= 1):
            assert one.goes


@given(some_versions, st.sets(an_identity), a_grace)
def test_naming_more_never_removes_more(versions: list[Version], named: set[tuple[str, str]], grace: timedelta) -> None:
    def going(names: set[tuple[str, str]]) -> set[tuple[str, str]]:
        return {
            one.version.identity for one in decide(versions, named=names, serving={}, now=NOW, grace=grace) if one.goes
        }

    assert going(named) <= going(set())


def test_what_goes_leaves_the_store_and_what_stays_is_whole(place: Place, keys: Keys, tmp_path: Path) -> None:
    kept, gone = (served_of(tmp_path / str(seed), files(seed)) for seed in (1, 2))
    for served in (kept, gone):
        push(place.store, "vision", served, keys.key, keys.trust)
    later = datetime.now(UTC) + timedelta(days=40)
    decisions = decide(versions(place.store), named={("vision", kept.digest)}, serving={}, now=later, newest=1)
    going = [one.version for one in decisions if one.goes]
    if not going:  # within one second both are the newest, and the named one was first
        decisions = decide(versions(place.store), named={("vision", kept.digest)}, serving={}, now=later, newest=0)
        going = [one.version for one in decisions if one.goes]
    assert [version.digest for version in going] == [gone.digest]
    assert remove(place.store, going[0], later).bytes == gone.total_bytes
    assert list(read_layout(place.store.list())) == [("vision", kept.digest)]
    assert verify(place.store, "vision", kept.digest, keys.trust).findings == ()


def test_what_was_pushed_again_since_the_decision_is_left(directory: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path / "here", files())
    push(directory.store, "vision", served, keys.key, keys.trust)
    (version,) = versions(directory.store)
    directory.store.delete([f"vision/{served.digest}/digits/config.pbtxt"])
    assert push(directory.store, "vision", served, keys.key, keys.trust).files[How.SENT] == 1
    assert remove(directory.store, version, version.changed).bytes is None
    assert verify(directory.store, "vision", served.digest, keys.trust).findings == ()


def test_the_leftovers_of_a_killed_push_go_when_they_are_old(directory: Place) -> None:
    directory.store.create(f"vision/{DIGESTS[0]}/digits/config.pbtxt", b"x")
    (version,) = versions(directory.store)
    assert not version.published
    young, old = (
        decide([version], named=(), serving={}, now=version.changed + timedelta(days=days))[0] for days in (29, 31)
    )
    assert (young.goes, old.goes) == (False, True)
    assert "never finished" in old.why
