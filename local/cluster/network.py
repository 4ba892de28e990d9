"""The bridge, the nodes' cables and the routes, with iproute2. No packet filter of this machine is touched."""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from local.cluster.commands import run
from local.cluster.errors import ClusterError
from local.cluster.layout import ADDRESSES, BRIDGE, Addresses

OURS = "213214"
"""The group that interfaces of ours are made in (ip-link(8), `group`): a name alone could be somebody else's."""


def cable(index: int) -> str:
    """This machine's end of the `index`th node's cable. Names have 15 characters at most (IFNAMSIZ)."""
    return f"{BRIDGE}-{index}"


def require_free(addresses: Addresses = ADDRESSES) -> None:
    """ClusterError, naming it, where this machine has an interface of our names or routes one of the networks."""
    named = {name for name in interfaces() if _is_named_as_ours(name)}
    if foreign := sorted(named - set(ours())):
        raise ClusterError(
            f"This machine has an interface {foreign[0]!r}, which the cluster did not make and needs the name of. Take"
            f" it away if nothing needs it (ip link delete {foreign[0]}), or use a cluster that you have:"
            " TRITONUP_KUBECONFIG=PATH make up."
        )
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all") or "[]")
    for route in routes:
        target = str(route.get("dst", ""))
        if target == "default" or route.get("dev") == BRIDGE:
            continue
        taken = IPv4Network(target, strict=False)
        for needed in (addresses.nodes, addresses.pods, addresses.services):
            if taken.prefixlen > 0 and taken.overlaps(needed):
                raise ClusterError(
                    f"This machine routes {taken} by {route.get('dev', '?')}, and the cluster needs {needed}. Take that"
                    " route away, or use a cluster that you have: TRITONUP_KUBECONFIG=PATH make up."
                )


def make_bridge(addresses: Addresses = ADDRESSES) -> None:
    if BRIDGE not in interfaces():
        _ip("link", "add", BRIDGE, "group", OURS, "type", "bridge")
    _ip("address", "replace", f"{addresses.machine}/{addresses.nodes.prefixlen}", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")


def connect(pid: int, index: int, addresses: Addresses = ADDRESSES) -> None:
    """A cable from the bridge to the node whose first process is `pid`, its address, and the way to its pods."""
    ours, inside = cable(index), "eth0"
    _ip("link", "add", ours, "group", OURS, "type", "veth", "peer", "name", inside, "netns", str(pid))
    _ip("link", "set", ours, "master", BRIDGE, "up")
    _ip_in(pid, "link", "set", "lo", "up")
    _ip_in(pid, "address", "add", f"{addresses.node(index)}/{addresses.nodes.prefixlen}", "dev", inside)
    _ip_in(pid, "link", "set", inside, "up")
    _ip_in(pid, "route", "add", "default", "via", str(addresses.machine))
    route(addresses.pods_of(index), addresses.node(index))


def route(network: IPv4Network, via: IPv4Address) -> None:
    """From this machine to `network` by the node at `via`."""
    _ip("route", "replace", str(network), "via", str(via), "dev", BRIDGE)


def route_in(pid: int, network: IPv4Network, via: IPv4Address) -> None:
    """From the node whose first process is `pid`."""
    _ip_in(pid, "route", "replace", str(network), "via", str(via))


def remove(names: Iterable[str]) -> None:
    """Interfaces of ours; those that are gone are no error. Their routes and addresses go with them."""
    there = interfaces()
    for name in names:
        if name in there:
            try:
                _ip("link", "delete", name)
            except ClusterError:
                # The kernel takes a cable away by itself, a moment after its other end's namespace is gone.
                if name in interfaces():
                    raise


def ours() -> list[str]:
    """Interfaces of any cluster of ours: cables first."""
    made = (str(link["ifname"]) for link in _links() if str(link.get("group")) == OURS)
    return sorted((name for name in made if _is_named_as_ours(name)), reverse=True)


def interfaces() -> set[str]:
    return {str(link["ifname"]) for link in _links()}


def _is_named_as_ours(name: str) -> bool:
    return name == BRIDGE or name.startswith(f"{BRIDGE}-")


def _links() -> list[dict[str, object]]:
    return json.loads(_ip("-json", "link", "show") or "[]")


def _ip_in(pid: int, *arguments: str) -> str:
    return _run(["nsenter", "--target", str(pid), "--net", "ip", *arguments])


def _ip(*arguments: str) -> str:
    return _run(["ip", *arguments])


def _run(command: list[str]) -> str:
    told = run(command)
    if told.returncode != 0:
        raise ClusterError(f"`{' '.join(command)}` failed: {told.stderr.strip()}")
    return told.stdout
