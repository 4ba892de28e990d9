"""Pods that stand in for those of a plan and its peers: they listen, and open connections when they are asked to.

They run Python from the Triton image, which every worker has. A connection counts when it was accepted (TCP) or an
answer came (UDP). kube-router rejects what no policy allows, but the kernel tells so once a second and party at the
most (icmp_ratelimit), so most refusals are silence.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address

from allowed_traffic import Party, Pod, Port

from local.cluster import triton_image
from local.cluster.disruptions import first_process
from local.cluster.errors import ClusterError
from local.cluster.kubectl import Object
from local.cluster.processes import ProcessId, process_id

PATIENCE_S = 2.0
"""Of all connections of one party at once. What is lost on the way is sent again after one second (RFC 6298)."""

PARTIES_AT_ONCE = 8

CONTAINER = "only"

PYTHON = f"python{triton_image.PYTHON}"

LISTEN = """
import json, selectors, socket, sys
ready = selectors.DefaultSelector()
for address, protocol, port in json.loads(sys.argv[1]):
    one = socket.socket(type=socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((address, port))
    if protocol == "TCP":
        one.listen(64)
    ready.register(one, selectors.EVENT_READ)
print("listens", flush=True)
while True:
    for key, _ in ready.select():
        if key.fileobj.type == socket.SOCK_STREAM:
            key.fileobj.accept()[0].close()
        else:
            key.fileobj.sendto(*key.fileobj.recvfrom(64))
"""

CONNECT = """
import errno, json, selectors, socket, sys, time
source, patience, targets = json.loads(sys.argv[1])
waiting, reached = selectors.DefaultSelector(), [False] * len(targets)
for number, (address, protocol, port) in enumerate(targets):
    one = socket.socket(type=socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM)
    one.setblocking(False)
    one.bind((source, 0))
    if one.connect_ex((address, port)) not in (0, errno.EINPROGRESS):
        continue
    if protocol == "UDP":
        one.send(b"?")
    waiting.register(one, selectors.EVENT_WRITE if protocol == "TCP" else selectors.EVENT_READ, number)
deadline = time.monotonic() + patience
while waiting.get_map() and (left := deadline - time.monotonic()) > 0:
    for key, _ in waiting.select(left):
        one = key.fileobj
        waiting.unregister(one)
        reached[key.data] = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        one.close()
print(json.dumps(reached))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A party and where it accepts connections. `place` is a process in whose network it has its address; without one
    it is this machine."""

    party: Party
    ports: frozenset[Port]
    place: ProcessId | None


Connection = tuple[Party, Party, Port]


def stand_in(
    namespace: str, name: str, labels: Mapping[str, str], node: str, image: str, ports: Iterable[Port]
) -> Object:
    listened = json.dumps([("0.0.0.0", protocol, port) for protocol, port in sorted(ports)])
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
                "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
            },
            "containers": [
                {
                    "name": CONTAINER,
                    "image": image,
                    "imagePullPolicy": "Never",
                    "command": [PYTHON, "-c", LISTEN, listened],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                }
            ],
        },
    }


def pod_of(body: Object) -> Pod:
    """As the API server has it, with an address."""
    metadata = body["metadata"]
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        labels=metadata.get("labels", {}),
        node=IPv4Address(body["status"]["hostIP"]),
        address=IPv4Address(body["status"]["podIP"]),
    )


def listening_pod(body: Object, ports: Iterable[Port]) -> Listening:
    """A pod, as the API server has it. ClusterError where it runs nothing."""
    containers: Sequence[Object] = body["status"]["containerStatuses"]
    place = process_id(first_process(containers[0]["containerID"].removeprefix("containerd://")))
    if place is None:
        raise ClusterError(f"{body['metadata']['name']} has ended.")
    return Listening(party=pod_of(body), ports=frozenset(ports), place=place)


def reached(sources: Sequence[Listening], targets: Sequence[Listening]) -> set[Connection]:
    """Those connections, of every source to all ports of every target, that come about."""
    with ThreadPoolExecutor(PARTIES_AT_ONCE) as pool:
        return {each for some in pool.map(lambda source: _reached(source, targets), sources) for each in some}


def _reached(source: Listening, targets: Sequence[Listening]) -> list[Connection]:
    wanted = [
        (source.party, target.party, port)
        for target in targets
        for port in sorted(target.ports)
        if target.party != source.party
    ]
    asked = [str(source.party.address), PATIENCE_S, [(str(target.address), *port) for _, target, port in wanted]]
    # Into its network alone: an exec in each pod is four processes more, and what they open is the same.
    python = [*entering(source.place), sys.executable, "-IS", "-c", CONNECT]
    said = subprocess.run([*python, json.dumps(asked)], capture_output=True, text=True, check=True).stdout
    return [connection for connection, came in zip(wanted, json.loads(said), strict=True) if came]


def entering(place: ProcessId | None) -> list[str]:
    """What a command begins with to run in the network of `place`."""
    return [] if place is None else ["nsenter", "--target", str(place.pid), "--net"]
