"""Who may talk to a server, whom it may talk to, and the flags that Triton is started with."""

from __future__ import annotations

from cli.report.document import Block, Column, Fact, Facts, Paragraph, Section, Table
from cli.report.values import Value, words
from planning.network import Allowance, Network, OwnPods, Peer, Pods
from planning.server import PlannedServer
from planning.settings.servers import InsideCluster, InternalNetwork, Public

ALLOWED = (
    Column("direction", "Direction"),
    Column("peers", "Peers"),
    Column("ports", "Ports"),
    Column("because", "Because"),
)


def network_section(server: PlannedServer) -> Section:
    allowed = tuple(_allowance(allowance) for allowance in server.network)
    denied = "Nothing else may reach the server, and the server may reach nothing else."
    blocks: list[Block] = [Facts(facts=(_exposure(server),)), Table(key="allowed", columns=ALLOWED, rows=allowed)]
    return Section(key="network", title="Network", blocks=(*blocks, Paragraph(text=denied)))


def _exposure(server: PlannedServer) -> Fact:
    match server.exposure:
        case InsideCluster():
            text = "pods of the cluster"
        case InternalNetwork():
            text = "the cloud network, through an internal load balancer"
        case Public():
            text = "the internet, through a public load balancer"
    value = Value(data=server.exposure.kind, text=text)
    return Fact("exposure", "Called by", value, f"servers.{server.name}.exposure.kind says so")


def _allowance(allowance: Allowance) -> tuple[Value, ...]:
    peers = [_peer(peer) for peer in allowance.peers]
    ports = [f"{protocol} {port}" for protocol, port in allowance.ports]
    return (
        Value(data=allowance.direction, text="to it" if allowance.direction == "in" else "from it"),
        Value(data=[*peers], text="; ".join(peers)),
        Value(data=[*ports], text=_ports(allowance)),
        words(allowance.because),
    )


def _ports(allowance: Allowance) -> str:
    """`TCP 8000, 8001`."""
    by_protocol: dict[str, list[str]] = {}
    for protocol, port in allowance.ports:
        by_protocol.setdefault(protocol, []).append(str(port))
    return "; ".join(f"{protocol} {', '.join(ports)}" for protocol, ports in by_protocol.items())


def _peer(peer: Peer) -> str:
    match peer:
        case Network(cidr=cidr, but=but):
            return f"{cidr} but {', '.join(but)}" if but else cidr
        case OwnPods():
            return "the server's own pods"
        case Pods(namespace=namespace, labels=labels):
            of = f"of namespace {namespace}" if namespace is not None else "of the server's own namespace"
            named = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
            return f"pods {named} {of}" if named else f"all pods {of}"


def flags_section(server: PlannedServer) -> Section:
    return Section(
        key="flags",
        title="Triton's flags",
        blocks=(
            Facts(
                look="list",
                facts=tuple(
                    Fact(
                        argument.name.replace("-", "_"),
                        "",
                        Value(data=argument.value.value, text=str(argument), code=True),
                        argument.value.because,
                    )
                    for argument in server.arguments
                ),
            ),
        ),
    )
