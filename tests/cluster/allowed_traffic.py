"""What a plan allows, said without NetworkPolicies: the rendered ones are judged by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from components.labels import selector
from planning.network import Network, OwnPods, Peer, Pods
from planning.plan import Plan

Port = tuple[Literal["TCP", "UDP"], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """`node` is the address of the node that it runs on."""

    namespace: str
    name: str
    labels: Mapping[str, str] = field(hash=False)
    node: IPv4Address
    address: IPv4Address

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Somebody outside of the pods' network."""

    address: IPv4Address

    def __str__(self) -> str:
        return str(self.address)


Party = Pod | Machine


def allowed(plans: tuple[Plan, ...], source: Party, target: Party, port: Port) -> bool:
    """Whether all of `plans` let `source` open a connection to `port` of `target`. A node reaches its own pods, as
    the specification advises: kubelet's probes come from there."""
    if isinstance(target, Pod) and source.address == target.node:
        return True
    return _may(plans, "out", source, target, port) and _may(plans, "in", target, source, port)


def _may(plans: tuple[Plan, ...], direction: Literal["in", "out"], own: Party, other: Party, port: Port) -> bool:
    """Namespaces that no plan owns are open; in those of a plan everything is closed but what it lists."""
    if not isinstance(own, Pod):
        return True
    plan = next((plan for plan in plans if plan.namespace == own.namespace), None)
    return plan is None or any(
        allowance.direction == direction
        and port in allowance.ports
        and any(_is(peer, other, own, server.name) for peer in allowance.peers)
        for server in plan.servers
        if selector(server.name).items() <= own.labels.items()
        for allowance in server.network
    )


def _is(peer: Peer, party: Party, own: Pod, server: str) -> bool:
    match peer, party:
        case OwnPods(), Pod():
            return party.namespace == own.namespace and selector(server).items() <= party.labels.items()
        case Pods(namespace=namespace, labels=labels), Pod():
            return party.namespace == (namespace or own.namespace) and labels.items() <= party.labels.items()
        case Network(cidr=cidr, but=but), _:
            # A network that holds the pods' addresses means the pods too.
            return party.address in IPv4Network(cidr) and not any(party.address in IPv4Network(each) for each in but)
        case _:
            return False
