"""A Deployment as `tritonup render` writes it, by hand, so that these tests stand on `local/` alone."""

from __future__ import annotations

from typing import Any


def deployment(
    name: str = "text",
    *,
    args: tuple[str, ...] = (),
    grace_s: int = 30,
    pre_stop_s: int = 0,
    exit_timeout_s: int = 20,
    startup_failures: int = 60,
) -> dict[str, Any]:
    """`startup_failures` times 1 s is how long it may take to start."""

    def probe(path: str, period_s: int, failures: int) -> dict[str, Any]:
        return {
            "httpGet": {"path": path, "port": "http-triton"},
            "periodSeconds": period_s,
            "timeoutSeconds": 5,
            "failureThreshold": failures,
        }

    container = {
        "name": "triton",
        "image": "nvcr.io/nvidia/tritonserver:24.10-py3",
        "command": ["tritonserver"],
        "args": [
            "--model-repository=/models",
            "--model-control-mode=none",
            "--strict-readiness=true",
            "--exit-on-error=true",
            "--http-port=8080",
            "--grpc-port=8081",
            "--metrics-port=8002",
            f"--exit-timeout-secs={exit_timeout_s}",
            *args,
        ],
        "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
        "ports": [
            {"name": "http-triton", "containerPort": 8080},
            {"name": "grpc-triton", "containerPort": 8081},
            {"name": "metrics", "containerPort": 8002},
        ],
        "resources": {"requests": {"cpu": "2"}, "limits": {"memory": "2Gi"}},
        "startupProbe": probe("/v2/health/ready", 1, startup_failures),
        "readinessProbe": probe("/v2/health/ready", 5, 3),
        "livenessProbe": probe("/v2/health/live", 5, 3),
        "volumeMounts": [
            {"name": "models", "mountPath": "/models", "readOnly": True},
            {"name": "shm", "mountPath": "/dev/shm"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    if pre_stop_s:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": pre_stop_s}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "serving"},
        "spec": {
            "template": {
                "spec": {
                    "terminationGracePeriodSeconds": grace_s,
                    "containers": [container],
                    "volumes": [
                        {"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
                        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
                        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
                    ],
                }
            }
        },
    }
