"""The control plane's programs, all on one node: etcd, API server, controllers, scheduler, names."""

from __future__ import annotations

from collections.abc import Sequence

from local.cluster.certificates import Identity
from local.cluster.kubeconfigs import write_kubeconfig
from local.cluster.layout import ADDRESSES, API_PORT
from local.cluster.nodes import DOMAIN, Node, Parts, Program, api_server_url

ADMIN = Identity(name="admin", user="tritonup-admin", group="system:masters")
CONTROLLERS = Identity(name="kube-controller-manager", user="system:kube-controller-manager")
SCHEDULER = Identity(name="kube-scheduler", user="system:kube-scheduler")
TO_KUBELETS = Identity(name="apiserver-to-kubelets", user="kube-apiserver", group="system:masters")
FRONT_PROXY = Identity(name="front-proxy", user="front-proxy-client")
"""Who the API server is to the servers behind it (the aggregation layer)."""

ETCD_URL = "http://127.0.0.1:2379"

SCALERS_LOOK_EVERY_S = 3
"""A new Deployment has one replica until its scaler first looks, which `make up` waits for. Kubernetes' own 15 s
(--horizontal-pod-autoscaler-sync-period) spare API servers with many scalers."""


def prepare_control_plane(node: Node, parts: Parts) -> None:
    """Certificates and kubeconfigs, the user's among them."""
    serving = Identity(
        name="apiserver",
        user="kube-apiserver",
        hosts=(
            f"IP:{node.address}",
            "IP:127.0.0.1",
            f"IP:{ADDRESSES.kubernetes_service}",
            "DNS:localhost",
            *(f"DNS:kubernetes{suffix}" for suffix in ("", ".default", ".default.svc", f".default.svc.{DOMAIN}")),
        ),
    )
    for identity in (serving, ADMIN, CONTROLLERS, SCHEDULER, TO_KUBELETS, FRONT_PROXY):
        parts.authority.issue(identity)
    folder = parts.layout.node(node.name)
    for identity in (CONTROLLERS, SCHEDULER):
        path = folder / f"{identity.name}.kubeconfig"
        write_kubeconfig(path, authority=parts.authority, identity=identity.name, server=api_server_url())
    (folder / "etcd").mkdir(parents=True, exist_ok=True, mode=0o700)


def control_programs(node: Node, parts: Parts) -> Sequence[Program]:
    folder, authority = parts.layout.node(node.name), parts.authority
    api = f"tcp:{node.address}:{API_PORT}"
    ca = str(authority.certificate("ca"))

    def kubeconfigs(identity: Identity) -> tuple[str, ...]:
        path = folder / f"{identity.name}.kubeconfig"
        return tuple(f"--{purpose}kubeconfig={path}" for purpose in ("", "authentication-", "authorization-"))

    return (
        Program(
            name="etcd",
            argv=(
                str(parts.programs["etcd"]),
                f"--data-dir={folder / 'etcd'}",
                f"--listen-client-urls={ETCD_URL}",
                f"--advertise-client-urls={ETCD_URL}",
                "--listen-peer-urls=http://127.0.0.1:2380",
                # Nothing of the cluster is worth more than the machine that it is thrown away with.
                "--unsafe-no-fsync",
            ),
            env=parts.environment,
        ),
        Program(
            name="kube-apiserver",
            argv=(
                str(parts.programs["kube-apiserver"]),
                f"--etcd-servers={ETCD_URL}",
                f"--bind-address={node.address}",
                f"--advertise-address={node.address}",
                f"--secure-port={API_PORT}",
                f"--tls-cert-file={authority.certificate('apiserver')}",
                f"--tls-private-key-file={authority.key('apiserver')}",
                f"--client-ca-file={ca}",
                "--authorization-mode=Node,RBAC",
                "--enable-admission-plugins=NodeRestriction",
                "--anonymous-auth=false",
                "--allow-privileged=true",
                f"--service-account-issuer=https://kubernetes.default.svc.{DOMAIN}",
                f"--service-account-key-file={authority.key('service-accounts')}",
                f"--service-account-signing-key-file={authority.key('service-accounts')}",
                f"--service-cluster-ip-range={ADDRESSES.services}",
                f"--kubelet-certificate-authority={ca}",
                f"--kubelet-client-certificate={authority.certificate(TO_KUBELETS.name)}",
                f"--kubelet-client-key={authority.key(TO_KUBELETS.name)}",
                "--kubelet-preferred-address-types=InternalIP",
                f"--requestheader-client-ca-file={ca}",
                f"--requestheader-allowed-names={FRONT_PROXY.user}",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-username-headers=X-Remote-User",
                f"--proxy-client-cert-file={authority.certificate(FRONT_PROXY.name)}",
                f"--proxy-client-key-file={authority.key(FRONT_PROXY.name)}",
                "--profiling=false",
            ),
            env=parts.environment,
            after="tcp:127.0.0.1:2379",
        ),
        Program(
            name="kube-controller-manager",
            argv=(
                str(parts.programs["kube-controller-manager"]),
                *kubeconfigs(CONTROLLERS),
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
                "--use-service-account-credentials=true",
                f"--horizontal-pod-autoscaler-sync-period={SCALERS_LOOK_EVERY_S}s",
                f"--service-account-private-key-file={authority.key('service-accounts')}",
                f"--root-ca-file={ca}",
                "--profiling=false",
            ),
            env=parts.environment,
            after=api,
        ),
        Program(
            name="kube-scheduler",
            argv=(
                str(parts.programs["kube-scheduler"]),
                *kubeconfigs(SCHEDULER),
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
                "--profiling=false",
            ),
            env=parts.environment,
            after=api,
        ),
    )
