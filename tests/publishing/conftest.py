"""Real object stores on loopback, one of each a test run, and a place of its own in them for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from models_project import ROOT, write_stack
from places import KINDS, Place, Stores, place_in
from small_repository import Keys, make_keys

_SETTINGS = ("AWS_", "GOOGLE_", "STORAGE_EMULATOR_HOST", "TRITONUP_")


@pytest.fixture(autouse=True)
def no_login(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test uses the credentials of whoever runs it, goes through their proxy, or on with their uploads."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    for name in list(os.environ):
        if name.startswith(_SETTINGS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    running = Stores(tmp_path_factory.mktemp("stores"))
    yield running
    running.stop()


@pytest.fixture(params=KINDS)
def place(
    request: pytest.FixtureRequest, stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_login: None
) -> Place:
    return place_in(request.param, stores, tmp_path, monkeypatch)


@pytest.fixture
def directory(stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_login: None) -> Place:
    return place_in("directory", stores, tmp_path, monkeypatch)


@pytest.fixture
def moto(stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_login: None) -> Place:
    return place_in("moto", stores, tmp_path, monkeypatch)


@pytest.fixture
def minio(stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_login: None) -> Place:
    return place_in("minio", stores, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def project(moto: Place, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one stack `test` with one server `vision`, whose destination is an empty place in moto."""
    root = tmp_path / "project"
    shutil.copytree(ROOT / "model_repository" / "digits", root / "model_repository" / "digits")
    (root / "Pulumi.yaml").write_text("name: test\nruntime: python\n")
    write_stack(root, keys, moto.url)
    monkeypatch.chdir(root)
    monkeypatch.setenv("TRITONUP_SIGNING_KEY", str(keys.ours))
    return root
