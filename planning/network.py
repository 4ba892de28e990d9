"""Who may talk to whom: everything is denied, then exactly these.

Kubelet's own probes come from the node and are let through by every network plugin that keeps to the
specification's advice (Kubernetes, "Network Policies": traffic to and from the node where a pod runs is allowed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from planning.buckets import Bucket, CloudIdentity
from planning.catalogue import Catalogue
from planning.clusters.eks_network import can_be_cut
from planning.clusters.eks_network import plan_network as cut
from planning.ports import GRPC_PORT, HTTP_PORT, METRICS_PORT, TRITON_GRPC_PORT, TRITON_HTTP_PORT
from planning.settings.caching import RedisAtNetworks, RedisCache, RedisInCluster
from planning.settings.cluster import Eks, Existing, Gke, Local, described, platform_of
from planning.settings.monitoring import PrometheusOperator
from planning.settings.root import Settings
from planning.settings.servers import Caller, Triton
from planning.storage import FetchedSource, Storage

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""Set by the API server on every namespace with its name (Kubernetes 1.22 and newer)."""

PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10")
"""Left out where a rule allows any public address: RFC 1918, link-local (RFC 3927: metadata servers) and
shared address space (RFC 6598: pods and nodes of some clusters)."""


API_PORTS = (443, 6443)
"""Of API servers. Which addresses they have only the cluster knows, and a policy sees them behind their Service."""

PROMETHEUS_PORT = 9090

ADAPTER: Mapping[str, str] = MappingProxyType({"app.kubernetes.io/name": "prometheus-adapter"})
"""On pods of prometheus-adapter, whoever installs it: its chart and its own manifests write it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """Pods with these labels (all, where there are none) in `namespace` (None: the server's own)."""

    namespace: str | None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    cidr: str
    but: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnPods:
    """The server's own pods, of all its lanes."""


Peer = Pods | OwnPods | Network


Port = tuple[Literal["TCP", "UDP"], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Traffic that is allowed: to the server's pods (`in`) or from them (`out`). Without `peers`, with anybody."""

    direction: Literal["in", "out"]
    peers: tuple[Peer, ...]
    ports: tuple[Port, ...]
    because: str


SERVING: tuple[Port, ...] = (("TCP", HTTP_PORT), ("TCP", GRPC_PORT))
PASSING_ON = "a proxy passes on to another pod what its own Triton refuses"
PASSED_ON: tuple[Port, ...] = (("TCP", TRITON_HTTP_PORT), ("TCP", TRITON_GRPC_PORT))


def plan_network(settings: Settings, server: Triton, storage: Storage, catalogue: Catalogue) -> tuple[Allowance, ...]:
    allowances: list[Allowance] = []
    exposure = server.exposure
    if exposure.callers:
        allowances.append(
            Allowance(
                direction="in",
                peers=tuple(_caller(caller) for caller in exposure.callers),
                ports=SERVING,
                because="exposure.callers names them",
            )
        )
    if exposure.networks:
        allowances.append(
            Allowance(
                direction="in",
                peers=tuple(Network(cidr=cidr) for cidr in exposure.networks),
                ports=SERVING,
                because="exposure.networks names them",
            )
        )
    if isinstance(settings.monitoring, PrometheusOperator):
        allowances.append(
            Allowance(
                direction="in",
                peers=(Pods(namespace=settings.monitoring.namespace),),
                ports=(("TCP", METRICS_PORT),),
                because="Prometheus scrapes from there",
            )
        )
    allowances += [
        Allowance(direction="in", peers=(OwnPods(),), ports=PASSED_ON, because=PASSING_ON),
        Allowance(direction="out", peers=(OwnPods(),), ports=PASSED_ON, because=PASSING_ON),
        _lookups(settings, catalogue, "the proxy looks up the server's other pods, and Triton its bucket"),
    ]
    if storage.bucket is not None:
        fetched = isinstance(storage.source, FetchedSource)
        allowances += _bucket(settings, storage.bucket, catalogue, "fetched" if fetched else "read")
    if isinstance(server.response_cache, RedisCache):
        allowances.append(_redis(server.response_cache))
    return tuple(allowances)


def _redis(cache: RedisCache) -> Allowance:
    match cache.reached:
        case RedisInCluster(namespace=namespace, pods=labels):
            peers: tuple[Peer, ...] = (Pods(namespace=namespace, labels=dict(labels)),)
        case RedisAtNetworks(networks=networks):
            peers = tuple(Network(cidr=cidr) for cidr in networks)
    return Allowance(
        direction="out",
        peers=peers,
        ports=(("TCP", cache.port),),
        because=f"answers are kept in the Redis {cache.host}",
    )


def plan_bucket_network(
    settings: Settings, bucket: Bucket, catalogue: Catalogue, *, who: str, how: str
) -> tuple[Allowance, ...]:
    """Of a Job's pods: out alone, to the bucket. `who` does it, and `how` models are handled there."""
    return (
        _lookups(settings, catalogue, f"{who} looks up its bucket"),
        *_bucket(settings, bucket, catalogue, how),
    )


def plan_operators_network() -> tuple[Allowance, ...]:
    """Of the Prometheus operator: out alone, to the API server."""
    return (_api_server("the operator reads there what is to be scraped, and writes what Prometheus is told"),)


def plan_prometheus_network(servers: str, callers: Sequence[Caller]) -> tuple[Allowance, ...]:
    """Of the Prometheus that is installed, which scrapes the namespace `servers`."""
    return (
        Allowance(
            direction="in",
            peers=(Pods(namespace=None, labels=ADAPTER), *(_caller(caller) for caller in callers)),
            ports=(("TCP", PROMETHEUS_PORT),),
            because="the adapter asks it for metrics, and whom monitoring.prometheus.callers names",
        ),
        Allowance(
            direction="out",
            peers=(Pods(namespace=servers),),
            ports=(("TCP", METRICS_PORT),),
            because="it scrapes the servers' pods",
        ),
        _api_server("it finds pods there"),
    )


def plan_adapters_network(
    settings: Settings, catalogue: Catalogue, port: int, prometheus: Peer, ports: tuple[int, ...]
) -> tuple[Allowance, ...]:
    """Of the adapter that is installed, which asks `prometheus` at `ports`. The API server comes from addresses that no
    policy can name: of nodes, of a tunnel's pods, of the cloud's own network. Whoever calls must prove who they are."""
    return (
        Allowance(direction="in", peers=(), ports=(("TCP", port),), because="the API server passes on to it"),
        Allowance(
            direction="out",
            peers=(prometheus,),
            ports=tuple(("TCP", one) for one in ports),
            because="it asks Prometheus",
        ),
        _lookups(settings, catalogue, "the adapter looks up Prometheus"),
        _api_server("it asks there who calls it, and which pods there are"),
    )


def _api_server(because: str) -> Allowance:
    return Allowance(
        direction="out",
        peers=(Network(cidr="0.0.0.0/0"), Network(cidr="::/0")),
        ports=tuple(("TCP", port) for port in API_PORTS),
        because=because,
    )


def plan_karpenters_network(settings: Settings, catalogue: Catalogue) -> tuple[Allowance, ...]:
    """Of Karpenter: out alone. Its pods are called by nobody but their kubelets."""
    return (
        _lookups(settings, catalogue, "Karpenter looks up AWS's services"),
        Allowance(
            direction="out",
            peers=(Network(cidr="0.0.0.0/0"),),
            ports=(("TCP", 443),),
            because="Karpenter calls the API server and AWS, by interface endpoints and by public addresses (prices)",
        ),
        *_proofs(settings, catalogue),
    )


def _proofs(settings: Settings, catalogue: Catalogue) -> tuple[Allowance, ...]:
    """Where the cloud gives pods their identity."""
    platform = platform_of(settings.cluster)
    endpoints = catalogue.clouds[platform].identity if platform != "other" else ()
    return tuple(_proof(endpoint.cidr, endpoint.ports) for endpoint in endpoints)


def _proof(cidr: str, ports: tuple[int, ...]) -> Allowance:
    return Allowance(
        direction="out",
        peers=(Network(cidr=cidr),),
        ports=tuple(("TCP", port) for port in ports),
        because="the pod proves there who it is",
    )


def _caller(caller: Caller) -> Pods:
    return Pods(namespace=caller.namespace, labels=dict(caller.pods))


def _lookups(settings: Settings, catalogue: Catalogue, because: str) -> Allowance:
    dns: tuple[Peer, ...] = (Pods(namespace="kube-system", labels=dict(settings.security.dns)),)
    if (platform := platform_of(settings.cluster)) != "other":
        dns = (*dns, *(Network(cidr=cidr) for cidr in catalogue.clouds[platform].dns.node_local))
    return Allowance(
        direction="out",
        peers=dns,
        ports=(("UDP", 53), ("TCP", 53)),
        because=because,
    )


def _bucket(settings: Settings, bucket: Bucket, catalogue: Catalogue, how: str) -> list[Allowance]:
    where = bucket.networks or ("0.0.0.0/0",)
    return [
        Allowance(
            direction="out",
            peers=tuple(Network(cidr=cidr, but=PRIVATE_NETWORKS if cidr == "0.0.0.0/0" else ()) for cidr in where),
            ports=(("TCP", bucket.port),),
            because=f"models are {how} from {bucket.endpoint or f'{bucket.scheme}://'}",
        ),
        *(
            (*_proofs(settings, catalogue), *_endpoints_of_the_cluster(described(settings.cluster)))
            if isinstance(bucket.access, CloudIdentity)
            else ()
        ),
    ]


def _endpoints_of_the_cluster(cluster: Gke | Eks | Existing | Local) -> tuple[Allowance, ...]:
    """Where STS answers inside a VPC that this program makes: its interface endpoint gives the name a private address,
    which the rule for public ones leaves out."""
    if not isinstance(cluster, Eks) or not can_be_cut(cluster.network, len(cluster.zones)):
        return ()
    inner = cut(cluster.network, cluster.zones, ()).inner
    return tuple(_proof(subnet.cidr, (443,)) for subnet in inner)
