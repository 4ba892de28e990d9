"""Metrics on a cluster of ours: metrics-server, Prometheus and prometheus-adapter, added to it when they are wanted.

They are pods: a server's NetworkPolicy lets the namespace of Prometheus scrape and nobody else, which only a pod there
can show; and they come to a cluster that runs already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from local.cluster.binaries import METRICS_PROGRAMS, build
from local.cluster.boot import CONTROL, Cluster
from local.cluster.certificates import Identity
from local.cluster.containers import import_image
from local.cluster.image_archive import PackedImage
from local.cluster.kubectl import Object
from local.cluster.layout import Layout
from local.cluster.metrics_objects import (
    adapter,
    api_service,
    metrics_server,
    namespace_object,
    prometheus,
)
from local.cluster.program_image import program_image
from local.cluster.progress import Progress
from local.cluster.scraping import prometheus_config
from local.cluster.workloads import SYSTEM, WITHIN, objects, wait_for
from planning.prometheus_adapter import RULES

CUSTOM_METRICS = "custom.metrics.k8s.io"
RESOURCE_METRICS = "metrics.k8s.io"
NAMESPACE = "monitoring"
"""Of Prometheus and the adapter, where nobody says otherwise: the default of `monitoring.namespace`."""


def start_metrics(
    cluster: Cluster,
    progress: Progress,
    *,
    monitors: Sequence[Object] = (),
    namespace: str = NAMESPACE,
    rules: str = RULES,
) -> None:
    """Metrics of nodes and pods, and Prometheus scraping what `monitors` (PodMonitors) select, whose series the
    adapter serves by `rules`. Again: nothing changes where nothing differs. Custom metrics answer when it returns;
    those of nodes and pods half a minute after the first start."""
    programs = build(METRICS_PROGRAMS, cluster.layout, progress)
    with progress.step("starting metrics-server, Prometheus and its adapter"):
        image = metrics_image(programs, cluster.layout)
        import_image(image, CONTROL.name, cluster.parts)
        resources = metrics_server(SYSTEM, *_certificate(cluster, "metrics-server", SYSTEM))
        custom = adapter(namespace, rules, *_certificate(cluster, "prometheus-adapter", namespace))
        scraper = prometheus(namespace, prometheus_config(monitors))
        workloads = (resources, scraper, custom)
        authority = cluster.parts.authority.certificate("ca")
        cluster.kubectl.apply(
            namespace_object(namespace),
            *(body for workload in workloads for body in objects(workload, image.name, CONTROL.name)),
            api_service(RESOURCE_METRICS, resources, authority),
            api_service(CUSTOM_METRICS, custom, authority),
        )
        for workload in (scraper, custom):
            wait_for(cluster.kubectl, workload)
        cluster.kubectl.run("wait", "--for=condition=Available", f"apiservice/v1beta1.{CUSTOM_METRICS}", WITHIN)


def metrics_image(programs: Mapping[str, Path], layout: Layout) -> PackedImage:
    """All three programs."""
    return program_image("localhost/tritonup-metrics", programs, layout)


def _certificate(cluster: Cluster, name: str, namespace: str) -> tuple[Path, Path]:
    authority = cluster.parts.authority
    authority.issue(Identity(name=f"{name}.{namespace}", user=name, hosts=(f"DNS:{name}.{namespace}.svc",)))
    return authority.certificate(f"{name}.{namespace}"), authority.key(f"{name}.{namespace}")
