"""A real Triton for each file of tests, and the certainty that nothing of it is left."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_workplace import PROJECT, Workplace

from local.installed import InstalledTriton, find_installed


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.serving)


@pytest.fixture(scope="session")
def installed() -> InstalledTriton:
    found = find_installed(PROJECT)
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="module")
def workplace(installed: InstalledTriton, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    temporary = tmp_path_factory.mktemp("servers")
    before, tempfile.tempdir = tempfile.tempdir, str(temporary)
    place = Workplace(installed=installed, temporary=temporary)
    yield place
    tempfile.tempdir = before
    for running in place.started:
        running.stop()
    assert place.left() == []
