"""Follow the nodes of the cluster, and take the taint off each that is complete."""

from __future__ import annotations

import time
from collections.abc import Callable

from gpu_readiness.readiness import Complete, Waiting, judge
from gpu_readiness.settings import Settings
from programs.kubernetes import NODES, Api, ApiError, Body, node_path

LONGEST_WAIT_S = 30.0

CHANGED_SINCE = {404, 409, 422}
"""The node is gone, or is not any more as it was seen: an event of it is under way."""

GONE = 410
"""The version is too old to watch from (Kubernetes, "API Concepts", 410 Gone)."""


class Remover:
    """`tell` gets a line for whatever a person may want to know of."""

    def __init__(self, api: Api, settings: Settings, tell: Callable[[str], None]) -> None:
        self._api = api
        self._settings = settings
        self._tell = tell
        self._waiting: dict[str, str] = {}

    def run(self) -> None:
        """For ever."""
        failures = 0
        while True:
            try:
                version = self._api.each(NODES, self._look)
                failures = 0
                self._follow(version)
            except ApiError as failed:
                if failed.status == GONE:
                    continue
                wait = min(LONGEST_WAIT_S, 2.0**failures)
                failures += 1
                self._tell(f"{failed}; again in {wait:.0f} s")
                time.sleep(wait)

    def _follow(self, version: str) -> None:
        while True:
            for event in self._api.watch(NODES, version):
                version = event.body["metadata"]["resourceVersion"]
                if event.kind in ("ADDED", "MODIFIED"):
                    self._look(event.body)
                elif event.kind == "DELETED":
                    self._waiting.pop(event.body["metadata"]["name"], None)

    def _look(self, body: Body) -> None:
        name = body["metadata"]["name"]
        match judge(body, self._settings):
            case Complete(has=has, patch=patch):
                self._waiting.pop(name, None)
                try:
                    self._api.patch(node_path(name), patch)
                except ApiError as refused:
                    if refused.status not in CHANGED_SINCE:
                        raise
                    self._tell(f"{name}: it has changed since, so it is looked at again")
                else:
                    self._tell(f"{name}: {has} {self._settings.resource} can be allocated, the taint is off")
            case Waiting(because=because):
                if self._waiting.get(name) != because:
                    self._waiting[name] = because
                    self._tell(f"{name}: the taint stays, because {because}")
            case None:
                self._waiting.pop(name, None)
