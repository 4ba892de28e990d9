"""The Lease that lets one drainer act and no second, as Kubernetes' own controllers do it.

Whoever cannot renew it stops acting before another may take it. Clocks of machines are not compared: a holder is taken
for gone when its Lease has not changed for `DURATION_S` of the waiting one's own clock (client-go
tools/leaderelection/leaderelection.go).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from programs.kubernetes import Api, ApiError, Body

DURATION_S = 30.0
DEADLINE_S = 20.0
"""So long after it was last renewed its holder still acts."""

NOT_FOUND, CONFLICT = 404, 409


class Lease:
    def __init__(
        self, api: Api, namespace: str, name: str, holder: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._all = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._namespace = namespace
        self._name = name
        self._holder = holder
        self._clock = clock
        self._renewed: float | None = None
        self._seen: tuple[str, float] | None = None
        """The version in which it was last found, and since when it is that."""

    @property
    def held(self) -> bool:
        return self._renewed is not None and self._clock() - self._renewed < DEADLINE_S

    def renew(self) -> bool:
        """Take it or keep it. False where another holds it. ApiError where nobody knows."""
        began = self._clock()
        try:
            there = self._found()
            if there is None:
                self._api.create(self._all, self._body({}, transitions=0))
            elif self._free(there):
                changes = int(there["spec"].get("leaseTransitions") or 0) + (not self._ours(there))
                self._api.replace(self._path, self._body(there["metadata"], transitions=changes))
            else:
                self._renewed = None
                return False
        except ApiError as refused:
            if refused.status != CONFLICT:
                raise
            self._renewed = None
            return False
        self._renewed = began
        return True

    def release(self) -> None:
        """Let the next one have it at once."""
        if not self.held:
            return
        self._renewed = None
        there = self._found()
        if there is not None and self._ours(there):
            spec = {**there["spec"], "holderIdentity": ""}
            self._api.replace(self._path, {**there, "spec": spec})

    @property
    def _path(self) -> str:
        return f"{self._all}/{self._name}"

    def _found(self) -> Body | None:
        try:
            return self._api.get(self._path)
        except ApiError as refused:
            if refused.status == NOT_FOUND:
                return None
            raise

    def _ours(self, there: Body) -> bool:
        return there["spec"].get("holderIdentity") == self._holder

    def _free(self, there: Body) -> bool:
        version = there["metadata"]["resourceVersion"]
        if self._seen is None or self._seen[0] != version:
            self._seen = version, self._clock()
        silent = self._clock() - self._seen[1] >= DURATION_S
        return self._ours(there) or silent or not there["spec"].get("holderIdentity")

    def _body(self, metadata: dict[str, Any], transitions: int) -> Body:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {**metadata, "name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self._holder,
                "leaseDurationSeconds": int(DURATION_S),
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }
