"""The real Triton, where it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.installed import InstalledTriton, find_installed

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def installed() -> InstalledTriton:
    found = find_installed(PROJECT)
    if isinstance(found, str):
        pytest.skip(found)
    return found
