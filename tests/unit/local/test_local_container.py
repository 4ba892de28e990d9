"""What is read of a rendered Deployment, and what is refused."""

from __future__ import annotations

import copy
import string
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.container import read_container
from local.errors import CannotServeError

PROBE = {"httpGet": {"path": "/v2/health/ready", "port": "http"}, "periodSeconds": 10, "failureThreshold": 30}
MANIFEST: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "vision-floor"},
    "spec": {
        "template": {
            "spec": {
                "terminationGracePeriodSeconds": 16,
                "initContainers": [{"name": "gpu-gate", "image": "gate"}],
                "containers": [
                    {
                        "name": "triton",
                        "image": "nvcr.io/nvidia/tritonserver@sha256:" + "0" * 64,
                        "command": ["tritonserver"],
                        "args": ["--model-repository=/models/$(SERVER)", "--id=$(POD)", "--http-port=8000"],
                        "env": [
                            {"name": "SERVER", "value": "vision"},
                            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                        ],
                        "ports": [{"name": "http", "containerPort": 8000}],
                        "resources": {"limits": {"nvidia.com/gpu": "2", "memory": "1Gi"}},
                        "startupProbe": {**PROBE, "initialDelaySeconds": 5},
                        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": 8000}},
                        "livenessProbe": PROBE,
                        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                        "volumeMounts": [
                            {"name": "models", "mountPath": "/models", "readOnly": True},
                            {"name": "shm", "mountPath": "/dev/shm"},
                        ],
                    }
                ],
                "volumes": [
                    {"name": "models", "image": {"reference": "registry/models", "pullPolicy": "Always"}},
                    {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
                ],
            }
        }
    },
}


def triton(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["spec"]["template"]["spec"]["containers"][0]


def test_everything_that_the_pod_promises_is_read() -> None:
    container = read_container(MANIFEST)
    assert container.deployment == "vision-floor"
    assert container.argv == ("tritonserver", "--model-repository=/models/vision", "--id=$(POD)", "--http-port=8000")
    assert container.env == {"SERVER": "vision"}
    assert container.env_from_cluster == ("POD",)
    assert (container.pre_stop_s, container.grace_s, container.gpus) == (5, 16, 2)
    assert container.startup.budget_s == 5 + 10 * 30
    assert container.readiness.port == 8000
    assert container.liveness is not None
    assert container.beside == ("gpu-gate",)
    mount = container.mount_of("/dev/shm/region")
    assert mount is not None
    assert (mount.path, mount.source, mount.size_limit) == (PurePosixPath("/dev/shm"), "emptyDir", "64Mi")
    assert container.mount_of("/model") is None


def test_what_is_left_out_has_the_apis_own_defaults() -> None:
    manifest = copy.deepcopy(MANIFEST)
    del manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    del triton(manifest)["lifecycle"]
    triton(manifest)["startupProbe"] = {"httpGet": {"port": 8000}}
    container = read_container(manifest)
    assert (container.grace_s, container.pre_stop_s) == (30, 0)
    probe = container.startup
    assert (probe.path, probe.period_s, probe.timeout_s, probe.failure_threshold) == ("/", 10, 1, 3)


def renamed(manifest: dict[str, Any]) -> None:
    triton(manifest)["name"] = "server"


def without_volume(manifest: dict[str, Any]) -> None:
    manifest["spec"]["template"]["spec"]["volumes"].pop(0)


def exec_probe(manifest: dict[str, Any]) -> None:
    triton(manifest)["startupProbe"] = {"exec": {"command": ["true"]}}


def unknown_port(manifest: dict[str, Any]) -> None:
    triton(manifest)["startupProbe"]["httpGet"]["port"] = "https"


def without_readiness(manifest: dict[str, Any]) -> None:
    del triton(manifest)["readinessProbe"]


def exec_pre_stop(manifest: dict[str, Any]) -> None:
    triton(manifest)["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", "5"]}}}


def stateful(manifest: dict[str, Any]) -> None:
    manifest["kind"] = "StatefulSet"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (renamed, "Deployment 'vision-floor' has no container 'triton' (it has: server)"),
        (without_volume, "/models mounts volume 'models', which the pod does not have"),
        (exec_probe, "spec.template.spec.containers[0].startupProbe.httpGet: Field required"),
        (unknown_port, "a probe names port 'https', which is none of {'http': 8000}"),
        (without_readiness, "container 'triton' has no readinessProbe"),
        (exec_pre_stop, "spec.template.spec.containers[0].lifecycle.preStop.sleep: Field required"),
        (stateful, "kind: Input should be 'Deployment'"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_another_shape_is_refused_with_its_field(change: Callable[[dict[str, Any]], None], told: str) -> None:
    manifest = copy.deepcopy(MANIFEST)
    change(manifest)
    with pytest.raises(CannotServeError) as refused:
        read_container(manifest)
    assert told in str(refused.value)


@given(st.text(alphabet=string.ascii_letters + "/=-. ()", max_size=40))
def test_arguments_without_a_dollar_are_passed_on_unchanged(argument: str) -> None:
    manifest = copy.deepcopy(MANIFEST)
    triton(manifest)["args"] = [argument]
    assert read_container(manifest).argv[1:] == (argument,)


@pytest.mark.parametrize(
    ("written", "meant"), [("$(SERVER)", "vision"), ("$$(SERVER)", "$(SERVER)"), ("$(NOBODY)", "$(NOBODY)"), ("$", "$")]
)
def test_variables_are_expanded_as_the_kubelet_does(written: str, meant: str) -> None:
    manifest = copy.deepcopy(MANIFEST)
    triton(manifest)["args"] = [f"--id={written}"]
    assert read_container(manifest).argv[1] == f"--id={meant}"
