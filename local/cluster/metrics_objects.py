"""The metrics pods: what they run, what they may, how the API server finds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.cluster.kubectl import Object
from local.cluster.workloads import Workload, encoded

PROMETHEUS_PORT = 9090
SERVING_PORT = 8443


def metrics_server(namespace: str, certificate: Path, key: Path) -> Workload:
    return Workload(
        name="metrics-server",
        namespace=namespace,
        argv=(
            "/metrics-server",
            *_serving(),
            "--kubelet-preferred-address-types=InternalIP",
            "--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
            # A figure of CPU needs two looks at a pod.
            "--metric-resolution=15s",
        ),
        port=SERVING_PORT,
        ready="/readyz",
        # Its own manifests (metrics-server, manifests/base/rbac.yaml).
        reads=[
            {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]},
        ],
        files={},
        certificate=certificate,
        key=key,
    )


def prometheus(namespace: str, config: Mapping[str, Any]) -> Workload:
    return Workload(
        name="prometheus",
        namespace=namespace,
        argv=(
            "/prometheus",
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/tmp/prometheus",
            "--storage.tsdb.retention.time=2h",
        ),
        port=PROMETHEUS_PORT,
        ready="/-/ready",
        reads=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}],
        files={"prometheus.yml": json.dumps(config, indent=2)},
    )


def adapter(namespace: str, rules: str, certificate: Path, key: Path) -> Workload:
    return Workload(
        name="prometheus-adapter",
        namespace=namespace,
        argv=(
            "/prometheus-adapter",
            *_serving(),
            "--config=/etc/prometheus-adapter/config.yaml",
            f"--prometheus-url=http://prometheus.{namespace}.svc:{PROMETHEUS_PORT}",
            # A metric is known this long after its first sample; the stock 10 min suit nobody who watches.
            "--metrics-relist-interval=5s",
            "--metrics-max-age=1m",
        ),
        port=SERVING_PORT,
        ready="/readyz",
        reads=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
        files={"config.yaml": rules},
        certificate=certificate,
        key=key,
    )


def namespace_object(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }


def api_service(group: str, workload: Workload, authority: Path) -> Object:
    """`group` in version v1beta1 is served by `workload`, under a certificate of `authority`."""
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"v1beta1.{group}"},
        "spec": {
            "group": group,
            "version": "v1beta1",
            "service": {"name": workload.name, "namespace": workload.namespace, "port": 443},
            "caBundle": encoded(authority),
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }


def _serving() -> tuple[str, ...]:
    return (
        f"--secure-port={SERVING_PORT}",
        "--tls-cert-file=/var/run/serving/tls.crt",
        "--tls-private-key-file=/var/run/serving/tls.key",
    )
