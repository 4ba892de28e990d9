"""One inference server: its identity, its lanes, how it is reached, and what may be taken from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from components.autoscaling.horizontal import lane_scaler
from components.labels import LANE, of_server, selector
from components.monitoring.pod_monitor import pod_monitor
from components.security.network import network_policy
from components.serving.proxy import proxy_config, proxy_config_name
from components.serving.services import ServicesArgs, service_of_others, services
from components.serving.triton import TritonArgs, triton_deployment
from planning.ports import GRPC_PORT, HTTP_PORT
from planning.server import PlannedServer
from planning.settings.cluster import Platform
from planning.settings.monitoring import Monitoring, PrometheusOperator


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerArgs:
    server: PlannedServer
    namespace: Input[str]
    signing: Input[str] | None
    """As of `TritonArgs`."""
    filled: Resource | None
    """What brings the models onto the volume that pods mount; None where nothing does. The Deployments come after it:
    no GPU waits for models."""
    priority_class: Input[str]
    pull_secret: str | None
    monitoring: Monitoring
    operator: Resource | None
    """What acts on PodMonitors, where the stack installs it."""
    platform: Platform
    labels: Mapping[str, str]


class Server(pulumi.ComponentResource):
    """`http` and `grpc` are its addresses inside the cluster, `models` the digest of what it serves."""

    http: Output[str]
    grpc: Output[str]
    models: Output[str]

    def __init__(self, name: str, args: ServerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:serving:Server", name, None, opts)
        child = ResourceOptions(parent=self)
        server = args.server
        bucket = server.storage.bucket
        labels = of_server(server.name, args.labels)
        account = ServiceAccount(
            f"{name}-account",
            metadata=ObjectMetaArgs(
                name=server.name,
                namespace=args.namespace,
                labels=labels,
                annotations=bucket.identity if bucket else None,
            ),
            automount_service_account_token=False,
            opts=child,
        )
        network_policy(
            f"{name}-network",
            of=server.name,
            pods=selector(server.name),
            namespace=args.namespace,
            labels=labels,
            allowances=server.network,
            opts=child,
        )
        PodDisruptionBudget(
            f"{name}-budget",
            metadata=ObjectMetaArgs(name=server.name, namespace=args.namespace, labels=labels),
            spec=PodDisruptionBudgetSpecArgs(
                max_unavailable=server.disruption.max_unavailable.value,
                selector=LabelSelectorArgs(match_labels=selector(server.name)),
                # A pod that is not ready holds no traffic; keeping it would only block the node's drain.
                unhealthy_pod_eviction_policy="AlwaysAllow",
            ),
            opts=child,
        )
        service = services(
            name,
            ServicesArgs(
                server=server.name,
                namespace=args.namespace,
                exposure=server.exposure,
                platform=args.platform,
                wait_seconds=max(lane.patience.pulumi_timeout.value for lane in server.lanes),
                labels=args.labels,
            ),
            child,
        )
        others = service_of_others(name, server=server.name, namespace=args.namespace, labels=args.labels, opts=child)
        config = proxy_config(
            f"{name}-proxy",
            server=server.name,
            namespace=args.namespace,
            labels=labels,
            proxy=server.proxy,
            opts=child,
        )
        first = [others] if args.filled is None else [others, args.filled]
        for lane in server.lanes:
            triton_deployment(
                f"{name}-{lane.lane.name}",
                TritonArgs(
                    server=server,
                    lane=lane,
                    namespace=args.namespace,
                    service_account=account.metadata.apply(lambda metadata: metadata.name or server.name),
                    proxy_config=config.metadata.apply(
                        lambda metadata: metadata.name or proxy_config_name(server.name)
                    ),
                    signing=args.signing,
                    priority_class=args.priority_class,
                    pull_secret=args.pull_secret,
                    labels=args.labels,
                ),
                ResourceOptions.merge(child, ResourceOptions(depends_on=first)),
            )
            # Beside the Deployment, not after it: Pulumi waits until a Deployment is ready, and the replicas that it
            # waits for are the scaler's.
            lane_scaler(
                f"{name}-{lane.lane.name}-scaler",
                lane=lane,
                namespace=args.namespace,
                labels={**labels, LANE: lane.lane.name},
                opts=child,
            )
        if isinstance(args.monitoring, PrometheusOperator):
            pod_monitor(
                f"{name}-monitor",
                server=server.name,
                namespace=args.namespace,
                monitoring=args.monitoring,
                labels=args.labels,
                opts=ResourceOptions.merge(
                    child, ResourceOptions(depends_on=[args.operator] if args.operator else None)
                ),
            )
        host = Output.concat(
            service.metadata.apply(lambda metadata: metadata.name or server.name), ".", args.namespace, ".svc"
        )
        self.http = Output.concat("http://", host, f":{HTTP_PORT}")
        self.grpc = Output.concat(host, f":{GRPC_PORT}")
        self.models = Output.from_input(f"sha256:{server.served.digest}")
        self.register_outputs({"http": self.http, "grpc": self.grpc, "models": self.models})
