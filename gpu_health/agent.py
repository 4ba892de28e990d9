"""Follow the kernel's log of this node, and say in a condition of the node what it tells of the GPUs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from gpu_health.condition import condition, found, same
from gpu_health.faults import Fault, faults_in
from programs.kubernetes import Api, ApiError, node_path

LOOKS_EVERY_S = 5.0
"""The log is a ring: what is written and overwritten between two looks is missed. At the kernel's smallest, 128 KiB,
that takes 250 lines a second."""


class Agent:
    """`log` gives the kernel's log, `tell` gets a line for whatever a person may want to know of."""

    def __init__(self, api: Api, node: str, log: Callable[[], str], boot: str, tell: Callable[[str], None]) -> None:
        self._api = api
        self._node = node
        self._log = log
        self._boot = boot
        self._tell = tell
        self._known: dict[tuple[str, int], Fault] = {}
        self._said: int | None = None

    def run(self) -> None:
        """For ever. OSError where the log cannot be read: a node of which nothing is known must not look healthy."""
        while True:
            self._look()
            time.sleep(LOOKS_EVERY_S)

    def _look(self) -> None:
        for fault in faults_in(self._log()):
            if (fault.gpu, fault.xid) not in self._known:
                self._known[fault.gpu, fault.xid] = fault
                self._tell(f"GPU {fault.gpu}: Xid {fault.xid}, {fault.what}")
        if self._said == len(self._known):
            return
        try:
            self._say()
        except ApiError as failed:
            self._tell(f"{failed}; again in {LOOKS_EVERY_S:.0f} s")
        else:
            self._said = len(self._known)

    def _say(self) -> None:
        before = found(self._api.get(node_path(self._node)))
        now = condition(list(self._known.values()), self._boot, before, datetime.now(UTC))
        if not same(now, before):
            self._api.merge(f"{node_path(self._node)}/status", {"status": {"conditions": [now]}})
        self._tell(f"{now['type']} is {now['status']}: {now['message']}")
