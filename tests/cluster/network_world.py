"""The pods and addresses between which connections are tried: those of three stacks, their peers, and strangers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import product
from typing import Any

from allowed_traffic import Machine, Port
from cluster_stacks import RenderedStack
from stand_ins import LISTEN, Connection, Listening, entering, listening_pod, reached, stand_in

from components.labels import NAME, selector
from local.cluster.boot import CONTROL, WORKERS
from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import ADDRESSES
from local.cluster.processes import ProcessId
from planning.network import Allowance, Network, Peer, Pods

SETTLED_WITHIN_S = 30.0
"""From a change until its rules are on every node. Measured: 0.2 s (docs/cluster.md), and 5 to 15 s to ask all."""

STRAY: Port = ("TCP", 9999)
"""That no plan names."""

ELSEWHERE = "elsewhere"
"""A namespace that no plan names."""

PUBLIC = IPv4Address("203.0.113.9")
"""An address of the internet (RFC 5737: nobody's)."""

DNS: set[Port] = {("UDP", 53), ("TCP", 53)}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`guarded` are pods of the stacks' namespaces, `others` everybody else. `closed` is what came about under the
    policies, `opened` without them."""

    stacks: tuple[RenderedStack, ...]
    guarded: Sequence[Listening]
    others: Sequence[Listening]
    closed: set[Connection]
    opened: set[Connection]

    def of(self, name: str) -> RenderedStack:
        return next(each for each in self.stacks if each.name == name)


def tried(guarded: Sequence[Listening], others: Sequence[Listening]) -> Iterator[Connection]:
    """Every connection that begins or ends at a pod of a stack's namespace."""
    for source, target in [*product(guarded, [*guarded, *others]), *product(others, guarded)]:
        if source != target:
            yield from ((source.party, target.party, port) for port in target.ports)


def settled(guarded: Sequence[Listening], others: Sequence[Listening], wanted: set[Connection]) -> set[Connection]:
    """What comes about, tried again until it is `wanted` or the time is over: rules follow changes with a delay."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        came = reached(guarded, [*guarded, *others]) | reached(others, guarded)
        if came == wanted or time.monotonic() > deadline:
            return came


def _allowances(stacks: Sequence[RenderedStack]) -> Iterator[Allowance]:
    for each in stacks:
        for server in each.plan.servers:
            yield from server.network


def peers_of(stacks: Sequence[RenderedStack]) -> list[Peer]:
    return [peer for allowance in _allowances(stacks) for peer in allowance.peers]


def ports_of(stacks: Sequence[RenderedStack]) -> set[Port]:
    return {port for allowance in _allowances(stacks) for port in allowance.ports}


@contextmanager
def stand_ins(
    kubectl: Kubectl, stacks: Sequence[RenderedStack], image: str
) -> Generator[tuple[list[Listening], list[Listening]]]:
    """Pods of the stacks' namespaces under their policies, and pods of others. They go afterwards, with the
    namespaces that were made for them. The servers of stack `local` are none: they run for real."""
    ports = {*ports_of(stacks), STRAY}
    bodies = [
        stand_in(namespace, name, labels, node, image, ports) for namespace, name, labels, node in _places_of(stacks)
    ]
    stated = {each.plan.namespace: each.of_kind("Namespace")[0] for each in stacks}
    there = {str(body["metadata"]["name"]) for body in kubectl.items("namespaces")}
    made = sorted({str(body["metadata"]["namespace"]) for body in bodies} - there)
    kubectl.apply(*(stated.get(name, _namespace(name)) for name in made))
    try:
        kubectl.apply(*(body for each in stacks for body in each.server_policies()))
        for name in made:
            kubectl.run("wait", "--for=create", f"--namespace={name}", "serviceaccount/default", "--timeout=30s")
        kubectl.apply(*bodies)
        ran = [
            (body["metadata"]["namespace"] in stated, listening_pod(body, ports)) for body in _ready(bodies, kubectl)
        ]
        yield [each for guarded, each in ran if guarded], [each for guarded, each in ran if not guarded]
    finally:
        listed = {"apiVersion": "v1", "kind": "List", "items": bodies}
        kubectl.run("delete", "--filename=-", "--ignore-not-found", "--wait=false", stdin=json.dumps(listed))
        kubectl.run("delete", "namespace", *made, "--ignore-not-found")


def _places_of(stacks: Sequence[RenderedStack]) -> Iterator[tuple[str, str, Mapping[str, str], str]]:
    """Namespace, name, labels and node of each stand-in. A server has one on each node, so that whoever is on one of
    them meets it on the node's own bridge and across."""
    first, *_ = nodes = [worker.name for worker in WORKERS]
    for each in stacks:
        yield each.plan.namespace, "bystander", {}, first
        if each.plan.settings.cluster.kind == "local":
            continue
        for server in each.plan.servers:
            labels = [body["metadata"]["labels"] for body in each.pods()]
            lanes = [each for each in labels if selector(server.name).items() <= each.items()]
            for number, node in enumerate(nodes):
                yield each.plan.namespace, f"{server.name}-on-{node}", lanes[number % len(lanes)], node
    named = {(peer.namespace, tuple(peer.labels.items())) for peer in peers_of(stacks) if isinstance(peer, Pods)}
    for namespace, labels in named:
        assert namespace is not None, "no plan names pods of its own namespace"
        yield namespace, "named", dict(labels), first
        if labels and namespace != "kube-system":
            yield namespace, "unnamed", {}, first
    yield ELSEWHERE, "stranger", {}, first
    every = {key: value for _, labels in named for key, value in labels}
    yield ELSEWHERE, "disguised", {**every, **selector(stacks[-1].plan.servers[0].name)}, nodes[-1]


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _ready(bodies: Sequence[Object], kubectl: Kubectl) -> Iterator[Object]:
    named: dict[str, list[str]] = {}
    for body in bodies:
        named.setdefault(body["metadata"]["namespace"], []).append(body["metadata"]["name"])
    for namespace, names in named.items():
        where, pods = f"--namespace={namespace}", [f"pod/{name}" for name in names]
        kubectl.run("wait", "--for=condition=Ready", *pods, where, "--timeout=90s")
        yield from (body for body in kubectl.items("pods", where) if body["metadata"]["name"] in names)


def running(stack: RenderedStack, kubectl: Kubectl) -> list[Listening]:
    """The servers that `stack` runs for real, with all ports that their containers listen on."""
    return [
        listening_pod(body, _listened(body["spec"]))
        for body in kubectl.items("pods", f"--namespace={stack.plan.namespace}", f"--selector={NAME}=triton")
    ]


def _listened(spec: Mapping[str, Any]) -> Iterator[Port]:
    for container in [*spec["containers"], *spec.get("initContainers", ())]:
        for port in container.get("ports", ()):
            yield "TCP", int(port["containerPort"])


@contextmanager
def machines(stacks: Sequence[RenderedStack], places: Mapping[IPv4Address, ProcessId]) -> Generator[list[Listening]]:
    """One address of every network that a plan names or excepts, as another address of the control node, where all
    planned ports are listened on; and the nodes and this machine with their own addresses. `places` are the nodes."""
    ports = ports_of(stacks)
    networks = {each for peer in peers_of(stacks) if isinstance(peer, Network) for each in (peer.cidr, *peer.but)}
    addresses = sorted({_address_of(IPv4Network(cidr)) for cidr in networks} - {*places, ADDRESSES.machine})
    control = places[CONTROL.address]
    others = [place for node, place in places.items() if node != CONTROL.address]
    listening = [
        Listening(party=Machine(address=each), ports=frozenset(ports), place=control)
        for each in [*addresses, CONTROL.address]
    ]
    silent = [each for each in (ADDRESSES.machine, *places) if each != CONTROL.address]
    for address in addresses:
        _ip_in(control, "address", "add", f"{address}/32", "dev", "lo")
        for place in others:
            _ip_in(place, "route", "add", f"{address}/32", "via", str(CONTROL.address))
    listened = [(str(each.party.address), *port) for each in listening for port in sorted(each.ports)]
    command = [*entering(control), sys.executable, "-c", LISTEN, json.dumps(listened)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
        try:
            assert listener.stdout is not None
            assert listener.stdout.readline() == "listens\n"
            yield [
                *listening,
                *(Listening(party=Machine(address=each), ports=frozenset(), place=places.get(each)) for each in silent),
            ]
        finally:
            listener.kill()
            for address in addresses:
                _ip_in(control, "address", "delete", f"{address}/32", "dev", "lo")
                for place in others:
                    _ip_in(place, "route", "delete", f"{address}/32")


def _address_of(network: IPv4Network) -> IPv4Address:
    if network.prefixlen == 0:
        return PUBLIC
    return network[0] if network.num_addresses == 1 else network[network.num_addresses // 2 + 9]


def _ip_in(place: ProcessId, *arguments: str) -> None:
    subprocess.run([*entering(place), "ip", *arguments], check=True)
