from __future__ import annotations

from pathlib import Path

import pytest

from tests.repositories import RepositoryBuilder


@pytest.fixture
def models(tmp_path: Path) -> RepositoryBuilder:
    """An empty model repository to write models into."""
    root = tmp_path / "models"
    root.mkdir()
    return RepositoryBuilder(root)
