"""What a cluster brings beside Kubernetes itself: names (CoreDNS), as a process of the control node."""

from __future__ import annotations

from pathlib import Path

from local.cluster.certificates import Identity
from local.cluster.kubeconfigs import write_kubeconfig
from local.cluster.kubectl import Object
from local.cluster.layout import ADDRESSES, API_PORT
from local.cluster.nodes import DOMAIN, Node, Parts, Program, api_server_url

DNS = Identity(name="coredns", user="system:coredns")


def prepare_addons(node: Node, parts: Parts) -> None:
    folder = parts.layout.node(node.name)
    parts.authority.issue(DNS)
    kubeconfig = folder / f"{DNS.name}.kubeconfig"
    write_kubeconfig(kubeconfig, authority=parts.authority, identity=DNS.name, server=api_server_url())
    (folder / "Corefile").write_text(_corefile(node, kubeconfig), encoding="utf-8")


def addon_programs(node: Node, parts: Parts) -> tuple[Program, ...]:
    folder = parts.layout.node(node.name)
    return (
        Program(
            name="coredns",
            argv=(str(parts.programs["coredns"]), "-conf", str(folder / "Corefile")),
            env=parts.environment,
            after=f"tcp:{node.address}:{API_PORT}",
        ),
    )


def addon_objects(node: Node) -> tuple[Object, ...]:
    """What they need of the API server: rights, and Services without selectors that lead to the node's address."""
    metadata = {"name": DNS.user}
    reads = {"verbs": ["list", "watch"]}
    return (
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": metadata,
            # CoreDNS, plugin/kubernetes, README.md: what the plugin reads.
            "rules": [
                reads | {"apiGroups": [""], "resources": ["services", "pods", "namespaces"]},
                reads | {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": DNS.user},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": DNS.user}],
        },
        *_service(
            "kube-dns", str(ADDRESSES.dns_service), str(node.address), {"dns": ("UDP", 53), "dns-tcp": ("TCP", 53)}
        ),
    )


def _service(name: str, cluster_ip: str, address: str, ports: dict[str, tuple[str, int]]) -> tuple[Object, Object]:
    namespace = "kube-system"
    listed = [{"name": port, "protocol": protocol, "port": number} for port, (protocol, number) in ports.items()]
    return (
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace, "labels": {"k8s-app": name}},
            "spec": {"clusterIP": cluster_ip, "ports": listed},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address]}],
            "ports": listed,
        },
    )


def _corefile(node: Node, kubeconfig: Path) -> str:
    # Names outside the cluster are refused: its pods have no way there.
    return f"""{DOMAIN}:53 in-addr.arpa:53 {{
    bind {node.address}
    errors
    ready 127.0.0.1:8181
    kubernetes {DOMAIN} in-addr.arpa {{
        kubeconfig {kubeconfig} tritonup
        ttl 5
    }}
    loadbalance
}}
"""
