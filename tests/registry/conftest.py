from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_registry import RunningRegistry, registry_program, start_registry


@pytest.fixture(scope="session")
def program() -> str:
    found = registry_program()
    if found is None:
        pytest.skip("no docker-registry: `make test` fetches Debian's package where apt-get is there")
    return found


@pytest.fixture(scope="module")
def registry(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """One registry a file of tests; each test pushes to a repository of its own."""
    running = start_registry(program, tmp_path_factory.mktemp("registry"))
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the credentials of whoever runs it, or goes through their proxy."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
