"""One real cluster for all tests here: booted for the first that needs it, or the one that TRITONUP_KUBECONFIG names.

A cluster that was up before (`make cluster`) is used and left up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_stacks import RenderedStack, stack
from cluster_target import Printed, Target, brought, remove_at_once
from google_kinds import establish_google_kinds
from starvation import STARVED_S, Starvation, watched

from local.cluster.applying import apply_stack
from local.cluster.binaries import KUBECTL, build
from local.cluster.boot import WORKERS, down, up
from local.cluster.definitions import ALL, establish
from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl
from local.cluster.layout import LAYOUT
from local.cluster.looks import looking
from local.cluster.readiness import wait_until_ready
from local.cluster.record import read_record
from local.cluster.requirements import require_machine

HERE = Path(__file__).parent
FIRST = "test_boot_and_removal.py"
"""Boots clusters of its own, so it runs before the one that all others share."""

OWN = os.environ.get("TRITONUP_KUBECONFIG")

BARE = os.environ.get("TRITONUP_TEST_BARE")
"""The cluster has its control plane alone: no test of this run puts a pod on a node."""

STARVATION = pytest.StashKey[Starvation]()
"""Where there is a cluster of ours."""

TRIES = 3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    for item in ours:
        item.add_marker(pytest.mark.cluster)
    items.sort(key=lambda item: item.path.is_relative_to(HERE) and item.path.name != FIRST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, object]:
    """Once more where a test failed while pods were starved (starvation.py), and a warning that says so."""
    began = time.monotonic()
    try:
        return (yield)
    except (Exception, pytest.fail.Exception) as failed:  # noqa: BLE001 - raised below
        failure = failed
    starvation = item.config.stash.get(STARVATION, None)
    for _ in range(TRIES - 1):
        if starvation is None or (longest := starvation.longest_since(began)) < STARVED_S:
            break
        said = next(iter(str(failure).splitlines()), type(failure).__name__)
        item.warn(pytest.PytestWarning(f"{item.name} failed while pods got no CPU for {longest:.1f} s, again: {said}"))
        began = time.monotonic()
        try:
            return item.runtest()
        except (Exception, pytest.fail.Exception) as failed:  # noqa: BLE001 - raised below
            failure = failed
    raise failure


@pytest.fixture(scope="session")
def progress() -> Printed:
    return Printed()


@pytest.fixture(scope="session")
def machine() -> None:
    """A machine that can carry the cluster; the test says why it skips where it cannot."""
    try:
        require_machine(LAYOUT)
    except ClusterError as refused:
        pytest.skip(str(refused))


@pytest.fixture(scope="session")
def target(progress: Printed, request: pytest.FixtureRequest) -> Generator[Target]:
    if OWN:
        program = build([KUBECTL], LAYOUT, progress)[KUBECTL.name]
        with looking(Kubectl(program=program, kubeconfig=Path(OWN).absolute())) as kubectl:
            yield Target(kubectl=kubectl, own=None)
        return
    request.getfixturevalue("machine")
    was_up = bool(read_record(LAYOUT).nodes)
    cluster = up(progress, workers=() if BARE else WORKERS)
    try:
        with looking(cluster.kubectl) as kubectl, watched() as starvation:
            request.config.stash[STARVATION] = starvation
            yield Target(kubectl=kubectl, own=replace(cluster, kubectl=kubectl))
    finally:
        if not was_up:
            down()


@pytest.fixture(scope="session")
def kubectl(target: Target) -> Kubectl:
    return target.kubectl


@pytest.fixture(scope="session")
def custom_kinds(kubectl: Kubectl, progress: Printed) -> None:
    for definition in ALL:
        establish(definition, kubectl, LAYOUT, progress)
    establish_google_kinds(kubectl)


@pytest.fixture(scope="module")
def serving(target: Target, progress: Printed) -> Generator[RenderedStack]:
    """Stack `local`, Ready."""
    local = brought(stack("local"), target, progress)
    apply_stack(target.kubectl, local.name, local.objects)
    try:
        wait_until_ready(target.kubectl, local.plan.namespace, lambda states: None)
        yield local
    finally:
        remove_at_once(local, target.kubectl)
