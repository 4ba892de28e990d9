"""What a node is: its place in the cluster, what the cloud would have labelled it with, and its programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from local.cluster import cgroups
from local.cluster.certificates import Authority, Identity
from local.cluster.debian import DebianTree
from local.cluster.go_runtime import GO_RUNTIME
from local.cluster.kubeconfigs import write_kubeconfig
from local.cluster.layout import ADDRESSES, API_PORT, CNI_RESULTS, KUBELET, Layout

DOMAIN = "cluster.local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """`index` gives its address and its pods' network. `control` carries the control plane beside its pods; there
    is one such node, with index 1."""

    name: str
    index: int
    control: bool = False
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    taints: tuple[Taint, ...] = ()

    @property
    def address(self) -> IPv4Address:
        return ADDRESSES.node(self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`after` is what must accept connections before it starts: `unix:PATH` or `tcp:HOST:PORT`."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a node is made of on this machine. `images` is what its containerd begins with."""

    layout: Layout
    programs: Mapping[str, Path]
    debian: DebianTree
    authority: Authority
    pause_image: str
    images: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.debian.programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            **GO_RUNTIME,
        }


def api_server_url() -> str:
    return f"https://{ADDRESSES.node(1)}:{API_PORT}"


def containerd_socket(layout: Layout, name: str) -> Path:
    return layout.node(name) / "containerd.sock"


def containerd_root(layout: Layout, name: str) -> Path:
    return layout.node(name) / "containerd"


def prepare_folder(node: Node, parts: Parts) -> None:
    """Certificates, kubeconfigs and configuration files of the node's own programs."""
    folder = parts.layout.node(node.name)
    for name in ("logs", "kubelet", "cni/conf", "cni/addresses", "cni/results", "sysctl"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    kubelet = Identity(
        name=f"kubelet-{node.name}",
        user=f"system:node:{node.name}",
        group="system:nodes",
        hosts=(f"IP:{node.address}", f"DNS:{node.name}"),
    )
    proxy = Identity(name="kube-proxy", user="system:kube-proxy")
    for identity, file in ((kubelet, "kubelet.kubeconfig"), (proxy, "kube-proxy.kubeconfig")):
        parts.authority.issue(identity)
        path = folder / file
        write_kubeconfig(path, authority=parts.authority, identity=identity.name, server=api_server_url())
    (folder / "containerd.toml").write_text(_containerd_toml(node, parts), encoding="utf-8")
    _write_json(folder / "cni" / "conf" / "10-bridge.conflist", _network(node, folder))
    _write_json(folder / "kubelet.json", _kubelet(node, parts, kubelet.name, cgroups.make(node.name)))
    _write_json(folder / "kube-proxy.json", _proxy(node, folder))
    (folder / "resolv.conf").write_text(f"nameserver {ADDRESSES.dns_service}\n", encoding="ascii")
    for name in KERNEL_TUNABLES:
        path = folder / "sysctl" / name
        path.write_text(Path("/proc/sys", *name.split(".")).read_text(encoding="ascii"), encoding="ascii")


KERNEL_TUNABLES = ("vm.overcommit_memory", "kernel.panic", "kernel.panic_on_oops")
"""Settings of the whole machine that a kubelet insists on setting (setupKernelTunables,
pkg/kubelet/cm/container_manager_linux.go). A node of ours gets files of its own in their place."""


def mounts(node: Node, layout: Layout) -> list[tuple[str, str]]:
    folder = layout.node(node.name)
    tunables = [(str(folder / "sysctl" / name), f"/proc/sys/{name.replace('.', '/')}") for name in KERNEL_TUNABLES]
    own = [(str(folder / "kubelet"), str(KUBELET)), (str(folder / "cni" / "results"), str(CNI_RESULTS))]
    return [("tmpfs", "/run"), ("tmpfs", "/var/log"), *own, *tunables]


SYSCTLS = {"net.ipv4.ip_forward": "1", "net.bridge.bridge-nf-call-iptables": "1"}
"""Of the node's own network: pods are routed, and what one says to a Service on its own bridge is translated."""


def node_programs(node: Node, parts: Parts) -> Sequence[Program]:
    folder = parts.layout.node(node.name)
    socket = containerd_socket(parts.layout, node.name)
    api = f"tcp:{ADDRESSES.node(1)}:{API_PORT}"
    labels = ",".join(f"{key}={value}" for key, value in sorted(node.labels.items()))
    libraries = {"LD_LIBRARY_PATH": parts.debian.libraries}
    return (
        Program(
            name="containerd",
            argv=(str(parts.debian.program("containerd")), "--config", str(folder / "containerd.toml")),
            env=parts.environment | libraries,
        ),
        Program(
            name="kubelet",
            argv=(
                str(parts.programs["kubelet"]),
                f"--config={folder / 'kubelet.json'}",
                f"--kubeconfig={folder / 'kubelet.kubeconfig'}",
                f"--hostname-override={node.name}",
                f"--node-ip={node.address}",
                f"--cert-dir={folder / 'kubelet-pki'}",
                *([f"--node-labels={labels}"] if labels else []),
            ),
            env=parts.environment,
            after=f"unix:{socket}",
        ),
        Program(
            name="kube-proxy",
            argv=(str(parts.programs["kube-proxy"]), f"--config={folder / 'kube-proxy.json'}"),
            env=parts.environment | libraries,
            after=api,
        ),
    )


def _kubelet(node: Node, parts: Parts, identity: str, cgroup: str) -> object:
    folder = parts.layout.node(node.name)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(node.address),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(parts.authority.certificate("ca"))},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(parts.authority.certificate(identity)),
        "tlsPrivateKeyFile": str(parts.authority.key(identity)),
        "containerRuntimeEndpoint": f"unix://{containerd_socket(parts.layout, node.name)}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        # Version 1 is refused from 1.35 on where this is not said.
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [str(ADDRESSES.dns_service)],
        "clusterDomain": DOMAIN,
        "resolvConf": str(folder / "resolv.conf"),
        "volumePluginDir": str(folder / "volume-plugins"),
        # The disk is the developer's own: it is no reason to evict until it is really full.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": False,
        "registerWithTaints": [{"key": t.key, "value": t.value, "effect": t.effect} for t in node.taints],
    }


def _proxy(node: Node, folder: Path) -> object:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": str(ADDRESSES.pods),
        "detectLocalMode": "ClusterCIDR",
        "hostnameOverride": node.name,
        "clientConnection": {"kubeconfig": str(folder / "kube-proxy.kubeconfig")},
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # The table's size is the whole machine's.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
    }


def _network(node: Node, folder: Path) -> object:
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods0",
                "isGateway": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": str(ADDRESSES.pods_of(node.index))}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": str(folder / "cni" / "addresses"),
                },
            }
        ],
    }


def _containerd_toml(node: Node, parts: Parts) -> str:
    folder = parts.layout.node(node.name)
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    # TOML's basic strings are JSON's.
    quoted = {
        name: json.dumps(str(value))
        for name, value in {
            "root": containerd_root(parts.layout, node.name),
            "socket": containerd_socket(parts.layout, node.name),
            "pause": parts.pause_image,
            "runc": parts.debian.program("runc"),
            "cni": parts.debian.cni,
            "networks": folder / "cni" / "conf",
        }.items()
    }
    return f"""version = 2
root = {quoted["root"]}
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = {quoted["socket"]}
[{cri}]
sandbox_image = {quoted["pause"]}
# Without CAP_SYS_RESOURCE a score cannot be lowered below containerd's own.
restrict_oom_score_adj = true
[{cri}.cni]
bin_dir = {quoted["cni"]}
conf_dir = {quoted["networks"]}
[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
BinaryName = {quoted["runc"]}
SystemdCgroup = false
"""


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
