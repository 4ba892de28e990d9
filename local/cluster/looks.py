"""Objects of a cluster over a connection that is kept, asked for in the words of `kubectl get`.

Whoever waits looks again and again, and each look by kubectl is a process that reads all that the cluster serves
before it asks. Here `kubectl proxy` does that once: it knows every way of a kubeconfig to log in.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl, Object

DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""All kinds of a group of paths in one answer (Kubernetes 1.30 and later, "Aggregated discovery")."""

LISTENS_WITHIN_S = 20.0
ENDS_WITHIN_S = 5.0

SELECTING = {"--selector": "labelSelector", "--field-selector": "fieldSelector"}
"""Options that become parameters of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """A kind's place. `base` is the path of its group and version."""

    base: str
    plural: str
    namespaced: bool


@dataclass(slots=True, kw_only=True)
class Looks:
    """What `get` can't answer, be it that it does not know the words or that the server refuses, is None: kubectl is
    to be asked, which says why. Many threads may look."""

    client: httpx.Client
    _served: dict[str, _Served] = field(default_factory=dict[str, _Served])

    def get(self, arguments: Sequence[str]) -> Any | None:  # an object or a list of them, by what was asked
        words = [word for word in arguments if not word.startswith("--")]
        options = {
            option: value for option, _, value in (word.partition("=") for word in arguments if word.startswith("--"))
        }
        everywhere = options.pop("--all-namespaces", None)
        namespace = options.pop("--namespace", None)
        if options.keys() - SELECTING.keys() or not words or len(words) > 2 or everywhere:
            return None
        try:
            found = [self._one(kind, words[1:], namespace, everywhere == "", options) for kind in words[0].split(",")]
        except httpx.HTTPError:
            return None
        if None in found:
            return None
        if len(words) == 2:
            return found[0] if len(found) == 1 else None
        return {"items": [item for listed in found if listed is not None for item in _items(listed)]}

    def _one(
        self, kind: str, names: Sequence[str], namespace: str | None, everywhere: bool, options: dict[str, str]
    ) -> Object | None:
        served = self._place(kind)
        if served is None or (served.namespaced and namespace is None and not everywhere) or (names and options):
            return None
        within = [f"namespaces/{namespace}"] if served.namespaced and not everywhere else []
        path = "/".join([served.base, *within, served.plural, *names])
        query = urlencode({SELECTING[option]: value for option, value in options.items()})
        answer = self.client.get(f"{path}?{query}" if query else path)
        if answer.status_code != HTTPStatus.OK:
            return None
        body = answer.json()
        for each in body.get("items", [body]):
            each["metadata"].pop("managedFields", None)  # as kubectl does, where it is not asked to show them
        return body

    def _place(self, kind: str) -> _Served | None:
        if kind not in self._served:
            # Anew, since definitions come while tests run. The first place of a name is kubectl's as well.
            for base in ("/api", "/apis"):
                answer = self.client.get(base, headers={"Accept": DISCOVERY})
                answer.raise_for_status()
                for name, place in _places(base, answer.json()):
                    self._served.setdefault(name, place)
        return self._served.get(kind)


def _places(base: str, discovered: Object) -> Iterator[tuple[str, _Served]]:
    for group in discovered["items"]:
        name = group["metadata"].get("name")
        for version in group["versions"]:
            at = "/".join([base, *([name] if name else []), version["version"]])
            for each in version.get("resources", ()):
                plural = each["resource"]
                place = _Served(base=at, plural=plural, namespaced=each["scope"] == "Namespaced")
                names = [plural, each.get("singularResource"), *each.get("shortNames", ())]
                for said in filter(None, names):
                    yield said, place
                    yield f"{said}.{name or ''}", place


def _items(listed: Object) -> Iterator[Object]:
    """As kubectl writes them: the server leaves out of a list's items what they are."""
    kind = str(listed["kind"]).removesuffix("List")
    for item in listed["items"]:
        yield {"apiVersion": listed["apiVersion"], "kind": kind, **item}


@contextmanager
def looking(kubectl: Kubectl) -> Generator[Kubectl]:
    """`kubectl`, whose `get` asks over one connection while the context lasts. ClusterError where none comes about."""
    with tempfile.TemporaryDirectory(prefix="looks-") as folder:
        socket = Path(folder) / "socket"
        command = [str(kubectl.program), "proxy", f"--unix-socket={socket}"]
        with subprocess.Popen(  # noqa: S603  our own build of it
            command, env=kubectl.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as proxy:
            try:
                _listens(proxy, socket)
                transport = httpx.HTTPTransport(uds=str(socket))
                with httpx.Client(transport=transport, base_url="http://localhost", timeout=30) as client:
                    yield replace(kubectl, looks=Looks(client=client).get)
            finally:
                proxy.terminate()
                with suppress(subprocess.TimeoutExpired):
                    proxy.wait(ENDS_WITHIN_S)
                proxy.kill()


def _listens(proxy: subprocess.Popen[str], socket: Path) -> None:
    deadline = time.monotonic() + LISTENS_WITHIN_S
    while not socket.exists():
        if proxy.poll() is not None:
            said = proxy.stderr.read().strip() if proxy.stderr else ""
            raise ClusterError(f"`kubectl proxy` ended: {said}")
        if time.monotonic() > deadline:
            raise ClusterError(f"`kubectl proxy` did not listen within {LISTENS_WITHIN_S:.0f} s.")
        time.sleep(0.05)
