"""A server is started with flags that its release knows, and with nothing open that nobody uses."""

from __future__ import annotations

import pytest

from planning.arguments import plan_arguments
from planning.catalogue import CATALOGUE
from planning.catalogue.flags import FLAGS, known_flags
from planning.derived import Derived
from planning.draining import UNHURRIED, Drain
from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import Raw, planned

NEWEST = max(CATALOGUE.releases.values(), key=lambda release: release.order).tag
REPOSITORY = Derived("s3://models/vision/digest", "a test says so")
DRAIN = Drain(
    pace=UNHURRIED,
    pre_stop=Derived(5, "a test says so"),
    exit_timeout=Derived(10, "a test says so"),
    grace=Derived(16, "a test says so"),
    connection_age=Derived(4, "a test says so"),
)
every_release = pytest.mark.parametrize("release", sorted(CATALOGUE.releases))


def flags(release: str, *, gpu: bool = True) -> dict[str, str]:
    return {each.name: each.value.value for each in plan_arguments(release, REPOSITORY, DRAIN, gpu=gpu)}


@every_release
def test_every_flag_is_known_to_the_release_that_reads_it(release: str) -> None:
    assert set(flags(release)) <= known_flags(release)


@every_release
def test_a_flag_is_left_out_only_where_the_release_is_too_old_for_it(release: str) -> None:
    """A misspelt flag would be left out everywhere without a word."""
    missing = set(flags(NEWEST)) - set(flags(release))
    assert all((introduced := FLAGS[name].introduced) and introduced > release for name in missing)


def test_the_newest_release_knows_every_flag_that_is_wanted() -> None:
    assert {
        "model-control-mode",
        "exit-on-error",
        "strict-readiness",
        "exit-timeout-secs",
        "allow-gpu-metrics",
        "metrics-config",
        "allow-client-shm",
        "allow-sagemaker",
        "allow-vertex-ai",
    } <= set(flags(NEWEST))


@every_release
def test_what_was_planned_is_all_that_is_ever_served(release: str) -> None:
    given_flags = flags(release)
    assert given_flags["model-control-mode"] == "none"
    assert given_flags["exit-on-error"] == "true"
    assert given_flags["strict-readiness"] == "true"


@every_release
def test_endpoints_that_nobody_uses_are_closed(release: str) -> None:
    given_flags = flags(release)
    assert {given_flags[name] for name in ("allow-sagemaker", "allow-vertex-ai")} == {"false"}
    assert given_flags.get("allow-client-shm", "false") == "false"


@for_every_stack
def test_a_server_reads_its_own_place_and_leaves_in_the_time_that_was_planned(raw: Raw) -> None:
    for server in planned(raw).servers:
        given_flags = {each.name: each.value.value for each in server.arguments}
        assert len(given_flags) == len(server.arguments)
        assert given_flags["model-repository"] == server.storage.repository.value
        assert int(given_flags["exit-timeout-secs"]) == server.drain.exit_timeout.value
        assert given_flags["allow-gpu-metrics"] == ("true" if server.gpus else "false")
        assert all(str(each) == f"--{each.name}={each.value.value}" for each in server.arguments)
