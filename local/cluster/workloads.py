"""What a cluster of ours runs as pods of its own: who they are, what they may, how they are found.

Everything is restricted (Pod Security). They stand on the control node, so that no node that is taken away takes them
with it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import content_key

SYSTEM = "kube-system"
CONTROL_TAINT = "node-role.kubernetes.io/control-plane"

WITHIN = "--timeout=120s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A Deployment of one pod behind a Service. `files` are its configuration, below `/etc/<name>`; `reads` are its
    rights over the whole cluster; `certificate` and `key` are what it serves with, None for plain HTTP. `listens` are
    further ports by name, protocol and number; `address` is the Service's, None for any; `labels` are the pod's beside
    its name."""

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
    listens: Sequence[tuple[str, str, int]] = ()
    address: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


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
                    {
                        "name": "serving",
                        "port": 443 if workload.certificate else workload.port,
                        "targetPort": "serving",
                    },
                    *(
                        {"name": name, "protocol": protocol, "port": port, "targetPort": name}
                        for name, protocol, port in workload.listens
                    ),
                ],
                **({"clusterIP": workload.address} if workload.address else {}),
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
                "data": {"tls.crt": encoded(workload.certificate), "tls.key": encoded(workload.key)},
            },
        ]
    return found


def wait_for(kubectl: Kubectl, workload: Workload) -> None:
    """Until it is ready. Raises ClusterError."""
    namespace = f"--namespace={workload.namespace}"
    kubectl.run("rollout", "status", f"deployment/{workload.name}", namespace, WITHIN, timeout_s=130)


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
                    "labels": _labels(workload) | dict(workload.labels),
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
                        # Nobody but root may listen below 1024 otherwise.
                        "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
                    },
                    "containers": [
                        {
                            "name": workload.name,
                            "image": image,
                            "imagePullPolicy": "Never",
                            "command": list(workload.argv),
                            "ports": [
                                {"name": "serving", "containerPort": workload.port},
                                *(
                                    {"name": name, "protocol": protocol, "containerPort": port}
                                    for name, protocol, port in workload.listens
                                ),
                            ],
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


def encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
