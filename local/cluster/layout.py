"""Where the cluster lives: folders, addresses, interface names. Everything that `down` removes is named here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

STATE = Path("/var/lib/tritonup-cluster")
"""On the disk and not below the project: containers' root file systems are overlays, whose upper folders must not
lie on an overlay or a network share, as a project's folder may."""

BRIDGE = "tritonup0"
"""The switch between this machine and the nodes. Its address is this machine's own."""

CGROUP = "tritonup"

KUBELET = Path("/var/lib/kubelet")
"""The kubelet's folder in each node's own mount namespace. Its device plugins' path cannot be chosen (DevicePluginPath,
k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1/constants.go), so the folder must exist as a mount point."""


CNI_RESULTS = Path("/var/lib/cni")
"""Where containerd's network library keeps what it set up (CacheDir, github.com/containernetworking/cni/libcni/api.go);
containerd lets nobody choose it. A mount point too."""

MOUNT_POINTS = (KUBELET, CNI_RESULTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The networks, all in one block. `nodes` holds this machine's address on the bridge (the first) and one for
    each node; the i-th node's pods have the i-th /24 of `pods`."""

    nodes: IPv4Network
    pods: IPv4Network
    services: IPv4Network

    @property
    def machine(self) -> IPv4Address:
        return self.nodes[1]

    def node(self, index: int) -> IPv4Address:
        return self.nodes[10 + index]

    def pods_of(self, index: int) -> IPv4Network:
        return list(self.pods.subnets(new_prefix=24))[index]

    @property
    def kubernetes_service(self) -> IPv4Address:
        """The API server's own Service: the first address of the range (kube-apiserver, --service-cluster-ip-range)."""
        return self.services[1]

    @property
    def dns_service(self) -> IPv4Address:
        """The tenth, as kubeadm has it."""
        return self.services[10]


ADDRESSES = Addresses(
    nodes=IPv4Network("10.213.0.0/24"), pods=IPv4Network("10.214.0.0/16"), services=IPv4Network("10.215.0.0/16")
)
"""Private addresses (RFC 1918) that no common default uses; boot refuses where this machine routes them already."""

API_PORT = 6443


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """`root` holds all state of one cluster; `cache` what is built once and kept."""

    root: Path = STATE
    cache: Path = PROJECT / ".cache" / "cluster"
    tools: Path = PROJECT / ".tools"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def certificates(self) -> Path:
        return self.root / "pki"

    @property
    def record(self) -> Path:
        return self.root / "cluster.json"

    def node(self, name: str) -> Path:
        return self.root / "nodes" / name


LAYOUT = Layout()


def content_key(*parts: bytes) -> str:
    """A name for what was made from exactly `parts`."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()[:16]
