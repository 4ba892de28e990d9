"""What enforces NetworkPolicies: kube-router's network policy controller as a program of every node.

It writes iptables rules (by nf_tables, beside kube-proxy's) and IP sets in the node's own network namespace, for the
pods of that node: of those that leave it, and of those that meet on its bridge, which the kernel shows to iptables by
net.bridge.bridge-nf-call-iptables. Traffic from a node to its own pods is let through, kubelet's probes with it.
"""

from __future__ import annotations

import subprocess

from local.cluster.certificates import Identity
from local.cluster.kubeconfigs import write_kubeconfig
from local.cluster.kubectl import Object
from local.cluster.layout import ADDRESSES, API_PORT
from local.cluster.nodes import Node, Parts, Program, api_server_url
from local.cluster.processes import ProcessId

AGENT = Identity(name="kube-router", user="system:kube-router")

FRONTENDS = ("iptables", "iptables-save", "iptables-restore")
"""What the controller calls. Debian gives them these names when it installs the package, which nobody does here."""

MULTICALL = "xtables-nft-multi"

LISTING = ("iptables", "--list-rules", "KUBE-ROUTER-FORWARD")
WRITTEN = "explicitly ACCEPT traffic that comply to network policies"
"""The comment of the chain's last rule. It comes with the first whole set of rules, at once (ensureExplicitAccept and
iptables-restore in kube-router's pkg/controllers/netpol/network_policy_controller.go)."""


def prepare_network_policies(node: Node, parts: Parts) -> None:
    folder = parts.layout.node(node.name)
    parts.authority.issue(AGENT)
    kubeconfig = folder / f"{AGENT.name}.kubeconfig"
    write_kubeconfig(kubeconfig, authority=parts.authority, identity=AGENT.name, server=api_server_url())
    frontends = folder / "iptables"
    frontends.mkdir(exist_ok=True)
    for name in FRONTENDS:
        link = frontends / name
        if not link.is_symlink():
            link.symlink_to(parts.debian.program(MULTICALL))


def network_policy_programs(node: Node, parts: Parts) -> tuple[Program, ...]:
    folder = parts.layout.node(node.name)
    own = parts.environment
    return (
        Program(
            name=AGENT.name,
            argv=(
                str(parts.programs[AGENT.name]),
                f"-kubeconfig={folder / f'{AGENT.name}.kubeconfig'}",
                f"-node={node.name}",
                f"-services={ADDRESSES.services}",
            ),
            env=own
            | {
                "PATH": f"{folder / 'iptables'}:{own['PATH']}",
                "LD_LIBRARY_PATH": parts.debian.libraries,
                "XTABLES_LIBDIR": parts.debian.xtables,
            },
            after=f"tcp:{ADDRESSES.node(1)}:{API_PORT}",
        ),
    )


def network_policy_objects() -> tuple[Object, ...]:
    """The rights that it needs of the API server: it only reads."""
    metadata = {"name": AGENT.user}
    reads = {"verbs": ["list", "watch"]}
    return (
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": metadata,
            "rules": [
                reads | {"apiGroups": [""], "resources": ["pods", "namespaces"]},
                reads | {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"]},
                {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": AGENT.user},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": AGENT.user}],
        },
    )


def enforced(node: ProcessId, parts: Parts) -> bool:
    """Whether the rules of all policies that there were are in force on the node whose first process is `node`."""
    told = subprocess.run(  # noqa: S603  our own iptables
        ["nsenter", "--target", str(node.pid), "--net", str(parts.debian.program(MULTICALL)), *LISTING],  # noqa: S607
        env=parts.environment | {"LD_LIBRARY_PATH": parts.debian.libraries, "XTABLES_LIBDIR": parts.debian.xtables},
        capture_output=True,
        text=True,
        check=False,
    )
    return WRITTEN in told.stdout
