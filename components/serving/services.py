"""How a server is reached.

`<server>` for HTTP, gRPC and metrics; `<server>-headless`, whose name resolves to every pod, for gRPC clients that
balance by themselves (one HTTP/2 connection through a ClusterIP stays on one pod); `<server>-external` where the
server is exposed beyond the cluster. `<server>-others` is for the proxies in its pods alone: past them, to any Triton.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import CustomTimeouts, Input, ResourceOptions
from pulumi_kubernetes.core.v1 import Service, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.labels import of_server, selector
from components.serving.triton import TRITON_GRPC_NAME, TRITON_HTTP_NAME
from planning.ports import GRPC_PORT, HTTP_PORT, METRICS_PORT, TRITON_GRPC_PORT, TRITON_HTTP_PORT
from planning.proxy import others_service
from planning.settings.cluster import Platform
from planning.settings.servers import Exposure, InsideCluster, InternalNetwork, Public

# The proxy at Triton's usual numbers: a headless Service cannot translate ports.
HTTP = ServicePortArgs(name="http", port=HTTP_PORT, target_port="http", protocol="TCP")
GRPC = ServicePortArgs(
    name="grpc", port=GRPC_PORT, target_port="grpc", protocol="TCP", app_protocol="kubernetes.io/h2c"
)
TRITON_HTTP = ServicePortArgs(
    name=TRITON_HTTP_NAME, port=TRITON_HTTP_PORT, target_port=TRITON_HTTP_NAME, protocol="TCP"
)
TRITON_GRPC = ServicePortArgs(
    name=TRITON_GRPC_NAME,
    port=TRITON_GRPC_PORT,
    target_port=TRITON_GRPC_NAME,
    protocol="TCP",
    app_protocol="kubernetes.io/h2c",
)
METRICS = ServicePortArgs(name="metrics", port=METRICS_PORT, target_port="metrics", protocol="TCP")

KEEP_CALLERS = {
    "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes": "preserve_client_ip.enabled=true"
}
"""Off by default for targets by address over TCP (AWS, "Target groups for your Network Load Balancers"), and then the
NetworkPolicy would see the balancer in the callers' place."""

INTERNAL: Mapping[Platform, Mapping[str, str]] = {
    "gke": {"networking.gke.io/load-balancer-type": "Internal"},
    "eks": {
        "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
        "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
        **KEEP_CALLERS,
    },
    "other": {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
}
"""What makes a load balancer internal (GKE "Internal LoadBalancer Service"; AWS Load Balancer Controller "Network
Load Balancer"; AKS "Internal load balancer")."""

PUBLIC: Mapping[Platform, Mapping[str, str]] = {
    "gke": {"cloud.google.com/l4-rbs": "enabled"},
    "eks": {
        "service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing",
        "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
        **KEEP_CALLERS,
    },
    "other": {},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesArgs:
    server: str
    namespace: Input[str]
    exposure: Exposure
    platform: Platform
    wait_seconds: int
    """A Service is done when a pod of it is ready: as long as the Deployment may take."""
    labels: Mapping[str, str]


def services(name: str, args: ServicesArgs, opts: ResourceOptions) -> Service:
    """Make them; the one inside the cluster is returned."""
    wait = f"{args.wait_seconds}s"
    options = ResourceOptions.merge(opts, ResourceOptions(custom_timeouts=CustomTimeouts(create=wait, update=wait)))
    labels = of_server(args.server, args.labels)
    inside = Service(
        f"{name}-service",
        metadata=ObjectMetaArgs(name=args.server, namespace=args.namespace, labels=labels),
        spec=ServiceSpecArgs(type="ClusterIP", selector=selector(args.server), ports=[HTTP, GRPC, METRICS]),
        opts=options,
    )
    Service(
        f"{name}-headless",
        metadata=ObjectMetaArgs(name=f"{args.server}-headless", namespace=args.namespace, labels=labels),
        spec=ServiceSpecArgs(type="ClusterIP", cluster_ip="None", selector=selector(args.server), ports=[HTTP, GRPC]),
        opts=options,
    )
    _external(name, args, labels, options)
    return inside


def service_of_others(
    name: str, *, server: str, namespace: Input[str], labels: Mapping[str, str], opts: ResourceOptions
) -> Service:
    """There before the pods, whose proxies look its address up when they start."""
    return Service(
        f"{name}-others",
        metadata=ObjectMetaArgs(
            name=others_service(server),
            namespace=namespace,
            labels=of_server(server, labels),
            # Or Pulumi waits for a ready pod, and the pods for this.
            annotations={"pulumi.com/skipAwait": "true"},
        ),
        spec=ServiceSpecArgs(type="ClusterIP", selector=selector(server), ports=[TRITON_HTTP, TRITON_GRPC]),
        opts=opts,
    )


def _external(name: str, args: ServicesArgs, labels: Mapping[str, str], opts: ResourceOptions) -> None:
    match args.exposure:
        case InsideCluster():
            return
        case InternalNetwork(networks=networks):
            annotations = INTERNAL[args.platform]
        case Public(networks=networks):
            annotations = PUBLIC[args.platform]
    Service(
        f"{name}-external",
        metadata=ObjectMetaArgs(
            name=f"{args.server}-external",
            namespace=args.namespace,
            labels=dict(labels),
            annotations=dict(annotations),
        ),
        spec=ServiceSpecArgs(
            type="LoadBalancer",
            load_balancer_class="service.k8s.aws/nlb" if args.platform == "eks" else None,
            selector=selector(args.server),
            ports=[HTTP, GRPC],
            load_balancer_source_ranges=list(networks),
            # Keeps the caller's address, on which the NetworkPolicy decides.
            external_traffic_policy="Local",
        ),
        opts=opts,
    )
