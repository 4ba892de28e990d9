"""Real object stores on loopback, and a place in them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.object_stores import FAKE_GCS, MINIO, RunningStore, program, start_fake_gcs, start_minio, start_moto
from publishing.store import Store

KINDS = ("directory", "moto", "minio", "gcs")
_NUMBERS = itertools.count()


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


@dataclass(frozen=True, slots=True)
class Place:
    """An empty destination in a real store."""

    kind: str
    url: str
    environment: dict[str, str]

    @property
    def store(self) -> Store:
        return Store(self.url)


def place_in(kind: str, stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """In a directory below `tmp_path`, or in the store of that kind, with the credentials for it in the environment."""
    if kind == "directory":
        return Place(kind, f"file://{tmp_path}/destination", {})
    running = stores.get(kind)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return Place(kind, f"{running.url}/test-{next(_NUMBERS)}/models", dict(running.environment))
