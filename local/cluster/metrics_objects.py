"""The objects of the metrics pods: who they are, what they may, how the API server finds them.

Everything is restricted (Pod Security) and serves with a certificate of the cluster's authority. They stand on the
control node, so that no node that is taken away takes them with it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.cluster.kubectl import Object
from local.cluster.layout import content_key
from planning.scaling import PENDING_METRIC

SYSTEM = "kube-system"
CONTROL_TAINT = "node-role.kubernetes.io/control-plane"
PROMETHEUS_PORT = 9090
SERVING_PORT = 8443

ADAPTER_RULES = f"""\
rules:
- seriesQuery: '{PENDING_METRIC}{{namespace!="",pod!=""}}'
  resources: {{overrides: {{namespace: {{resource: namespace}}, pod: {{resource: pod}}}}}}
  metricsQuery: 'sum(<<.Series>>{{<<.LabelMatchers>>}}) by (<<.GroupBy>>)'
"""
"""What docs/components/lane-scaler.md tells users to give to their adapter, to the letter (a test compares)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A Deployment of one pod. `files` are its configuration, below `/etc/<name>`; `reads` are its rights over the
    whole cluster; `certificate` and `key` are what it serves with, None for plain HTTP."""

    name: str
    namespace: str
    argv: tuple[str, ...]
    port: int
    ready: str
    """The path of its readiness probe."""
    reads: Sequence[Mapping[str, Any]]
    files: Mapping[str, str]
    certificate: Path | None = None
    key: Path | None = None


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


def objects(workload: Workload, image: str, node: str) -> list[Object]:
    """All of `workload` but its APIService."""
    metadata = {"name": workload.name, "namespace": workload.namespace}
    account = {"kind": "ServiceAccount", "name": workload.name, "namespace": workload.namespace}
    found: list[Object] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": workload.name},
            "rules": list(workload.reads),
        },
        _bound("ClusterRoleBinding", {"name": workload.name}, "ClusterRole", workload.name, account),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": _labels(workload),
                "ports": [
                    {"name": "serving", "port": 443 if workload.certificate else workload.port, "targetPort": "serving"}
                ],
            },
        },
        _deployment(workload, image, node),
    ]
    if workload.files:
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(workload.files)})
    if workload.certificate and workload.key:
        # Who asks is told by the API server (front proxy) or looked up there; what they may is asked there.
        found += [
            _bound(
                "ClusterRoleBinding",
                {"name": f"{workload.name}:auth-delegator"},
                "ClusterRole",
                "system:auth-delegator",
                account,
            ),
            _bound(
                "RoleBinding",
                {"name": f"{workload.name}:auth-reader", "namespace": SYSTEM},
                "Role",
                "extension-apiserver-authentication-reader",
                account,
            ),
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "kubernetes.io/tls",
                "metadata": metadata,
                "data": {"tls.crt": _encoded(workload.certificate), "tls.key": _encoded(workload.key)},
            },
        ]
    return found


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
            "caBundle": _encoded(authority),
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


def _deployment(workload: Workload, image: str, node: str) -> Object:
    volumes: list[Mapping[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    mounts: list[Mapping[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108  the pod's own
    if workload.files:
        volumes.append({"name": "config", "configMap": {"name": workload.name}})
        mounts.append({"name": "config", "mountPath": f"/etc/{workload.name}", "readOnly": True})
    if workload.certificate:
        volumes.append({"name": "serving", "secret": {"secretName": workload.name}})
        mounts.append({"name": "serving", "mountPath": "/var/run/serving", "readOnly": True})
    probe = {"path": workload.ready, "port": "serving", "scheme": "HTTPS" if workload.certificate else "HTTP"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": workload.name, "namespace": workload.namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": _labels(workload)},
            "strategy": {"type": "Recreate"},
            "template": {
                "metadata": {
                    "labels": _labels(workload),
                    # Another configuration is another pod.
                    "annotations": {"tritonup/config": content_key(json.dumps(workload.files).encode())},
                },
                "spec": {
                    "serviceAccountName": workload.name,
                    "nodeSelector": {"kubernetes.io/hostname": node},
                    "tolerations": [{"key": CONTROL_TAINT, "operator": "Exists", "effect": "NoSchedule"}],
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 65535,
                        "runAsGroup": 65535,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": workload.name,
                            "image": image,
                            "imagePullPolicy": "Never",
                            "command": list(workload.argv),
                            "ports": [{"name": "serving", "containerPort": workload.port}],
                            "readinessProbe": {"httpGet": probe, "periodSeconds": 1, "failureThreshold": 60},
                            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": mounts,
                        }
                    ],
                    "volumes": volumes,
                },
            },
        },
    }


def _bound(
    kind: str, metadata: Mapping[str, str], role_kind: str, role: str, account: Mapping[str, str]
) -> Mapping[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        "subjects": [dict(account)],
    }


def _labels(workload: Workload) -> dict[str, str]:
    return {"app.kubernetes.io/name": workload.name}


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
