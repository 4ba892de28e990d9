"""One real request to every model of a deployed server, through its Service."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from local.ask import Answer, Asker
from local.client import Wire, client_library
from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl
from local.cluster.layout import ADDRESSES
from local.ports import LOOPBACK, Ports, free_ports
from local.sample import read_sample
from planning.server import PlannedServer

FORWARDS_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a server answers from this machine; `through` says by which way."""

    host: str
    ports: Ports
    through: str


class ServiceAsker(Asker):
    """An `Asker` of a server that is not on loopback."""

    def __init__(self, endpoint: Endpoint, wire: Wire) -> None:
        self._wire = wire
        self._library = client_library(wire)
        target = f"{endpoint.host}:{dict(endpoint.ports)[wire]}"
        # A proxy of the user's is no way to a cluster's own network.
        options: dict[str, object] = (
            {"network_timeout": 60.0} if wire is Wire.HTTP else {"channel_args": [("grpc.enable_http_proxy", 0)]}
        )
        self._client = self._library.InferenceServerClient(target, **options)


def ask_server(server: PlannedServer, endpoint: Endpoint, wire: Wire) -> Iterator[Answer]:
    """The answer of each model that `server` serves, in the plan's order."""
    with ServiceAsker(endpoint, wire) as asker:
        for model in server.served.models:
            yield asker.ask(model.name, read_sample(model.directory))


@contextmanager
def endpoint_of(server: PlannedServer, namespace: str, kubectl: Kubectl) -> Generator[Endpoint]:
    """The Service's own address where this machine routes it, which it does to a cluster of ours; otherwise a
    forwarded port, which reaches one pod of the Service."""
    service = kubectl.get("service", server.name, f"--namespace={namespace}")
    address = str(service["spec"]["clusterIP"])
    ports = {port["name"]: int(port["port"]) for port in service["spec"]["ports"]}
    theirs = Ports(http=ports["http"], grpc=ports["grpc"], metrics=ports["metrics"])
    if _ours(kubectl):
        yield Endpoint(host=address, ports=theirs, through=f"Service {server.name} ({address})")
        return
    here = free_ports()
    pairs = [f"{ours}:{there}" for (_, ours), (_, there) in zip(here, theirs, strict=True)]
    forwarding = subprocess.Popen(  # noqa: S603  our own kubectl
        [str(kubectl.program), "port-forward", f"--namespace={namespace}", f"service/{server.name}", *pairs],
        env=kubectl.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _wait_for_port(here.http, forwarding)
        yield Endpoint(host=LOOPBACK, ports=here, through=f"a forwarded port of Service {server.name}")
    finally:
        forwarding.terminate()
        forwarding.wait()


def _ours(kubectl: Kubectl) -> bool:
    server = json.loads(kubectl.run("config", "view", "--minify", "--output=json"))["clusters"][0]["cluster"]["server"]
    return f"//{ADDRESSES.node(1)}:" in server


def _wait_for_port(port: int, forwarding: subprocess.Popen[bytes]) -> None:
    import socket

    deadline = time.monotonic() + FORWARDS_WITHIN_S
    while True:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        except OSError:
            if forwarding.poll() is not None or time.monotonic() > deadline:
                told = forwarding.stderr.read().decode() if forwarding.stderr and forwarding.poll() is not None else ""
                raise ClusterError(f"kubectl port-forward does not listen: {told.strip()}") from None
            time.sleep(0.1)
        else:
            return
