"""Names inside a cluster of ours: CoreDNS, as a pod with the labels that it has on every other cluster.

A pod, because NetworkPolicies let servers ask the pods that answer names and no address of a node.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from local.cluster.image_archive import PackedImage
from local.cluster.layout import ADDRESSES, Layout
from local.cluster.nodes import DOMAIN
from local.cluster.program_image import program_image
from local.cluster.workloads import SYSTEM, Workload

COREFILE = f"""{DOMAIN}:53 in-addr.arpa:53 {{
    errors
    ready
    kubernetes {DOMAIN} in-addr.arpa {{
        ttl 5
    }}
    loadbalance
}}
"""
"""Names outside the cluster are refused: its pods have no way there."""

DNS = Workload(
    name="kube-dns",
    namespace=SYSTEM,
    labels={"k8s-app": "kube-dns"},
    argv=("/coredns", "-conf", "/etc/kube-dns/Corefile"),
    port=8181,
    ready="/ready",
    listens=(("dns", "UDP", 53), ("dns-tcp", "TCP", 53)),
    address=str(ADDRESSES.dns_service),
    # CoreDNS, plugin/kubernetes, README.md: what the plugin reads.
    reads=[
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ],
    files={"Corefile": COREFILE},
)


def dns_image(programs: Mapping[str, Path], layout: Layout) -> PackedImage:
    return program_image("localhost/tritonup-coredns", {"coredns": programs["coredns"]}, layout)
