"""When the pods of a namespace came, left and were gone, as a watch of the API server tells it.

Requests that are lost are explained by these moments: their clients' times are on the same clock.
"""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from local.cluster.kubectl import Kubectl

_READY = "{.object.status.conditions[?(@.type=='Ready')].status}"
_LINE = (
    "{.type}|{.object.metadata.name}|{.object.metadata.uid}|{.object.spec.nodeName}"
    "|{.object.metadata.deletionTimestamp}|" + _READY + '{"\\n"}'
)


@dataclass(slots=True, kw_only=True)
class PodMoments:
    """Of one pod, by the monotonic clock (`time.monotonic()`), each None until it was seen. `deleted` is when its
    deletion was asked for, `unready` when it was first seen to stop being Ready, `gone` when its object was gone."""

    name: str
    uid: str
    node: str = ""
    ready: float | None = None
    deleted: float | None = None
    unready: float | None = None
    gone: float | None = None


class PodHistory:
    """Watches while its context lasts."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self.pods: dict[str, PodMoments] = {}
        """By uid."""
        self._watch = subprocess.Popen(  # noqa: S603  our own kubectl
            [
                str(kubectl.program),
                *("get", "pods", f"--namespace={namespace}", "--watch", "--output-watch-events"),
                f"--output=jsonpath={_LINE}",
            ],
            env=kubectl.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._watch.terminate()
        self._watch.wait()
        self._reader.join()

    def gone(self) -> list[PodMoments]:
        return [pod for pod in list(self.pods.values()) if pod.gone is not None]

    def report(self, since: float) -> str:
        """A line for each pod that changed, in seconds after `since`."""

        def at(moment: float | None) -> str:
            return "-" if moment is None else f"{moment - since:+.2f}"

        return "\n".join(
            f"pod {pod.name} on {pod.node}: ready {at(pod.ready)}, deleted {at(pod.deleted)}, unready"
            f" {at(pod.unready)}, gone {at(pod.gone)}"
            for pod in list(self.pods.values())
        )

    def _read(self) -> None:
        assert self._watch.stdout is not None
        for line in self._watch.stdout:
            now = time.monotonic()
            fields = line.rstrip("\n").split("|")
            if len(fields) == 6:
                self._note(now, *fields)

    def _note(self, now: float, event: str, name: str, uid: str, node: str, deletion: str, ready: str) -> None:
        pod = self.pods.setdefault(uid, PodMoments(name=name, uid=uid))
        pod.node = node or pod.node
        if deletion and pod.deleted is None:
            pod.deleted = now
        if event == "DELETED":
            pod.gone = now
        elif ready == "True":
            pod.ready = pod.ready or now
        elif pod.ready is not None and pod.unready is None:
            pod.unready = now
