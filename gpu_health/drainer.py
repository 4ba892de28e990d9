"""Look after the GPU nodes of the cluster: mark those that have failed, and empty them one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from gpu_health.draining import Mark, Node, Pod, marking, marks, node_of, pod_of
from gpu_health.lease import Lease
from gpu_health.settings import Pool, Settings
from programs.kubernetes import NODES, Api, ApiError, node_path

LOOKS_EVERY_S = 5.0

CALL_S = 8.0
"""How long a call may be unanswered: what is begun with the Lease is over before another can have it."""

REMEMBERED = 1000
"""Lines: what was told before may be told again then."""

GONE, CHANGED, HELD_BACK, INVALID = 404, 409, 429, 422
"""An eviction is answered with 429 while a disruption budget forbids it (Kubernetes, "API-initiated Eviction"); a patch
whose test does not hold with 422."""


class Drainer:
    """`tell` gets a line for whatever a person may want to know of, once."""

    def __init__(self, api: Api, settings: Settings, lease: Lease, tell: Callable[[str], None]) -> None:
        self._api = api
        self._settings = settings
        self._lease = lease
        self._tell = tell
        self._told: dict[str, str] = {}

    def run(self) -> None:
        """For ever."""
        try:
            while True:
                try:
                    self._once()
                except ApiError as failed:
                    self._tell(f"{failed}; again in {LOOKS_EVERY_S:.0f} s")
                time.sleep(LOOKS_EVERY_S)
        finally:
            with suppress(ApiError):
                self._lease.release()

    def _once(self) -> None:
        if not self._lease.renew():
            self._say("lease", "another of us holds the Lease")
            return
        self._say("lease", "this one holds the Lease")
        for pool in self._settings.pools:
            self._look_after(pool)

    def _look_after(self, pool: Pool) -> None:
        nodes: list[Node] = []
        selector = ",".join(f"{key}={value}" for key, value in sorted(pool.labels.items()))
        self._api.each(
            NODES,
            lambda body: nodes.append(node_of(body, self._settings.signs, self._settings.taint)),
            labelSelector=selector,
        )
        wanted = marks(nodes, pool.at_once)
        for node in nodes:
            # A drain begins only where the mark is on the node: whoever comes after must find it there.
            mark = wanted[node.name]
            if self._marked(node, mark) and mark in (Mark.DRAINING, Mark.DRAINED):
                self._drain(node)

    def _marked(self, node: Node, mark: Mark | None) -> bool:
        if mark is node.mark:
            return True
        if not self._lease.held:
            return False
        try:
            self._api.patch(node_path(node.name), marking(node, mark, self._settings.taint))
        except ApiError as refused:
            if refused.status not in (GONE, CHANGED, INVALID):
                raise
            return False
        because = node.failed[1] if node.failed is not None else "its GPUs are healthy"
        self._say(node.name, f"{'the taint is off' if mark is None else mark}, because {because}")
        return True

    def _drain(self, node: Node) -> None:
        pods: list[Pod] = []
        self._api.each(
            "/api/v1/pods",
            lambda body: pods.append(pod_of(body, self._settings.taint)),
            fieldSelector=f"spec.nodeName={node.name}",
        )
        for pod in pods:
            if pod.goes == "evict" and self._lease.held:
                self._evict(pod, node)
        if alone := ", ".join(f"{pod.namespace}/{pod.name}" for pod in pods if pod.alone):
            self._say(f"{node.name} still has", f"{alone}: nobody would make them anew, so they stay")
        # Where the mark was set in this look, the node has changed since it was looked at: the next look ends it.
        if all(pod.goes == "stays" for pod in pods) and node.mark is Mark.DRAINING:
            self._marked(node, Mark.DRAINED)

    def _evict(self, pod: Pod, node: Node) -> None:
        about = f"{pod.namespace}/{pod.name}"
        try:
            self._api.create(pod.path, pod.eviction)
        except ApiError as refused:
            if refused.status is None:
                raise
            if refused.status == HELD_BACK:
                self._say(about, f"a disruption budget keeps it on {node.name} for now")
            elif refused.status not in (GONE, CHANGED):
                self._say(about, f"it cannot be evicted from {node.name}: {refused}")
        else:
            self._say(about, f"evicted from {node.name}")

    def _say(self, about: str, said: str) -> None:
        if len(self._told) > REMEMBERED:
            self._told.clear()
        if self._told.get(about) != said:
            self._told[about] = said
            self._tell(f"{about}: {said}")
