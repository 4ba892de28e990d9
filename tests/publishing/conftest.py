"""Real object stores on loopback, one of each a test run, and a place of its own in them for each test."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from models_project import ROOT, write_stack
from small_repository import Keys, make_keys

from local.object_stores import (
    FAKE_GCS,
    MINIO,
    RunningStore,
    program,
    start_fake_gcs,
    start_minio,
    start_moto,
)
from publishing.store import Store

KINDS = ("directory", "moto", "minio", "gcs")
_NUMBERS = itertools.count()
_SETTINGS = ("AWS_", "GOOGLE_", "STORAGE_EMULATOR_HOST", "TRITONUP_")


@pytest.fixture(autouse=True)
def no_login(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test uses the credentials of whoever runs it, goes through their proxy, or on with their uploads."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    for name in list(os.environ):
        if name.startswith(_SETTINGS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Stores:
    """Each is started when the first test asks for it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._running: dict[str, RunningStore] = {}

    def get(self, kind: str) -> RunningStore:
        if kind not in self._running:
            folder = self._root / kind
            folder.mkdir(exist_ok=True)
            self._running[kind] = self._start(kind, folder)
        return self._running[kind]

    def _start(self, kind: str, folder: Path) -> RunningStore:
        if kind == "moto":
            return start_moto(folder)
        found = program(MINIO if kind == "minio" else FAKE_GCS)
        if isinstance(found, str):
            pytest.skip(found)
        return start_minio(found, folder) if kind == "minio" else start_fake_gcs(found, folder)

    def stop(self) -> None:
        for running in self._running.values():
            running.stop()


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    running = Stores(tmp_path_factory.mktemp("stores"))
    yield running
    running.stop()


@dataclass(frozen=True, slots=True)
class Place:
    """An empty destination in a real store."""

    kind: str
    url: str
    environment: dict[str, str]

    @property
    def store(self) -> Store:
        return Store(self.url)


def _place(kind: str, stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if kind == "directory":
        return Place(kind, f"file://{tmp_path}/destination", {})
    running = stores.get(kind)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return Place(kind, f"{running.url}/test-{next(_NUMBERS)}/models", dict(running.environment))


@pytest.fixture(params=KINDS)
def place(
    request: pytest.FixtureRequest, stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_login: None
) -> Place:
    return _place(request.param, stores, tmp_path, monkeypatch)


@pytest.fixture
def directory(stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_login: None) -> Place:
    return _place("directory", stores, tmp_path, monkeypatch)


@pytest.fixture
def moto(stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_login: None) -> Place:
    return _place("moto", stores, tmp_path, monkeypatch)


@pytest.fixture
def minio(stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_login: None) -> Place:
    return _place("minio", stores, tmp_path, monkeypatch)


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
