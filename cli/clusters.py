"""Clusters that a command is told of by `--cluster`, read by the user's own kubectl, which knows every cloud's login.

A cluster is read whole or not at all: what could not be asked is never taken for "nothing".
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.destinations import stop
from local.cluster.commands import run
from local.cluster.errors import ClusterError
from planning.model_versions import DEFINITION, GROUP, KIND, PLURAL, VERSION
from publishing.running import ClusterSeen, Object

Clusters = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="KUBECONFIG[@CONTEXT]",
        help="A cluster, read with kubectl: the file's current context, or the one named. Repeat it for each.",
    ),
]

WORKLOADS = "deployments.apps,replicasets.apps,jobs.batch,pods"

TIMEOUT_S = 120
"""Of one call: thousands of pods come in pages of 500."""


class UnreadableError(Exception):
    """A cluster could not be read, or written to. The message names it and what kubectl said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCluster:
    """A kubeconfig, and a context of it where one is named."""

    kubeconfig: Path
    context: str | None

    @property
    def name(self) -> str:
        return f"{self.kubeconfig.name}@{self.context}" if self.context else self.kubeconfig.name

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run kubectl, whatever comes of it. UnreadableError where it cannot be run or does not end."""
        program = shutil.which("kubectl")
        if program is None:
            raise UnreadableError(
                f"{self.name} cannot be read: there is no `kubectl` on the PATH, which knows how to log in there."
            )
        context = (f"--context={self.context}",) if self.context else ()
        try:
            return run([program, f"--kubeconfig={self.kubeconfig}", *context, *arguments], timeout_s=TIMEOUT_S)
        except ClusterError as late:
            raise UnreadableError(f"{self.name} does not answer: {late}") from None

    def printed(self, told: subprocess.CompletedProcess[str]) -> str:
        """What it printed. UnreadableError with what it complained about."""
        if told.returncode != 0:
            raise UnreadableError(f"{self.name} refused, as kubectl said: {told.stderr.strip()}")
        return told.stdout

    def kubectl(self, *arguments: str) -> str:
        return self.printed(self.attempt(*arguments))


def named_clusters(texts: Sequence[str] | None) -> tuple[NamedCluster, ...]:
    """Those that `--cluster` names. Exits with a usage error where there is no such file."""
    found: list[NamedCluster] = []
    for text in texts or ():
        path, _, context = text.partition("@")
        if not Path(path).is_file():
            stop(f"--cluster: there is no kubeconfig {path!r}. Write KUBECONFIG, or KUBECONFIG@CONTEXT.")
        found.append(NamedCluster(kubeconfig=Path(path).absolute(), context=context or None))
    return tuple(found)


def read_cluster(cluster: NamedCluster) -> ClusterSeen:
    """All of it that may name a digest. UnreadableError where any of that cannot be read."""
    workloads = _items(cluster, cluster.kubectl("get", WORKLOADS, "--all-namespaces", "--output=json"))
    return ClusterSeen(name=cluster.name, objects=(*_versions(cluster), *workloads))


def record_status(cluster: NamedCluster, version: Object, status: object) -> None:
    """Write what was seen into a ModelVersion. UnreadableError where that is refused."""
    metadata = version["metadata"]
    cluster.kubectl(
        *("patch", DEFINITION, str(metadata["name"]), f"--namespace={metadata['namespace']}"),
        *("--subresource=status", "--type=merge", f"--patch={json.dumps({'status': status})}"),
    )


def _versions(cluster: NamedCluster) -> Sequence[Object]:
    """None where the API server itself says that it does not know the kind. Asked for by its path: kubectl's discovery
    says the same where a server behind the API server does not answer."""
    told = cluster.attempt("get", "--raw", f"/apis/{GROUP}/{VERSION}/{PLURAL}")
    if told.returncode != 0 and "(NotFound)" in told.stderr:
        return ()
    return [{**one, "kind": KIND} for one in _items(cluster, cluster.printed(told))]


def _items(cluster: NamedCluster, text: str) -> Sequence[Object]:
    try:
        listed: dict[str, Any] = json.loads(text)
        return listed["items"]
    except (ValueError, KeyError, TypeError):
        raise UnreadableError(f"{cluster.name} cannot be read: kubectl printed no list: {text[:100]!r}") from None
