"""A PodMonitor of the Prometheus operator (monitoring.coreos.com/v1): which pods are scraped, and how often."""

from __future__ import annotations

from collections.abc import Mapping

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.labels import of_server, selector
from planning.settings.monitoring import PrometheusOperator


def pod_monitor(
    name: str,
    *,
    server: str,
    namespace: Input[str],
    monitoring: PrometheusOperator,
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> CustomResource:
    """Scrape the `metrics` port of every pod of `server`."""
    return CustomResource(
        name,
        api_version="monitoring.coreos.com/v1",
        kind="PodMonitor",
        metadata=ObjectMetaArgs(
            name=server, namespace=namespace, labels={**of_server(server, labels), **monitoring.labels}
        ),
        spec={
            "selector": {"matchLabels": selector(server)},
            "podMetricsEndpoints": [
                {"port": "metrics", "path": "/metrics", "interval": f"{monitoring.interval.seconds}s"}
            ],
        },
        opts=opts,
    )
