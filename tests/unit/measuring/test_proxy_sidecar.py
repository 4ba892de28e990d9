"""The proxy's container keeps the pod's promises: restricted, read-only, and gone before Triton."""

from __future__ import annotations

from typing import Any

import pytest

from components.serving.proxy import CONFIG_DIGEST, FOLDER, HTTP_PORT_NAME, config_digest, proxy_container
from planning.proxy import plan_proxy

DIGEST = f"registry.example/nginx@sha256:{'0' * 64}"


def container(pre_stop_s: int = 7, connection_age_s: int = 2) -> Any:
    proxy = plan_proxy(server="vision", connection_age_s=connection_age_s, pre_stop_s=pre_stop_s, slowest_request_s=10)
    return proxy_container(DIGEST, proxy)


def test_it_is_a_sidecar_that_passes_on_before_sigterm_and_quits_before_triton_cuts_it() -> None:
    proxy: Any = container(pre_stop_s=7)
    assert proxy.restart_policy == "Always"
    assert proxy.startup_probe is None
    (_, _, script) = proxy.lifecycle.pre_stop.exec_.command
    assert script == "sleep 6; touch /tmp/leaving; sleep 10; kill -QUIT 1"
    # So that it is the container's first process that is told.
    assert proxy.command == ["/bin/sh", f"{FOLDER}/start.sh"]


def test_restricted_pod_security_admits_it() -> None:
    security: Any = container().security_context
    assert security.run_as_non_root is True
    assert security.run_as_user > 0
    assert security.allow_privilege_escalation is False
    assert security.read_only_root_filesystem is True
    assert security.capabilities.drop == ["ALL"]
    assert security.capabilities.add is None
    assert security.seccomp_profile.type == "RuntimeDefault"


def test_requests_equal_limits_so_that_the_pod_stays_guaranteed() -> None:
    resources: Any = container().resources
    assert resources.requests == resources.limits
    assert {"cpu", "memory"} <= set(resources.requests)


def test_its_readiness_goes_through_to_triton_and_its_liveness_does_not() -> None:
    proxy: Any = container()
    assert proxy.readiness_probe.http_get.path == "/v2/health/ready"
    assert proxy.readiness_probe.http_get.port == HTTP_PORT_NAME
    assert proxy.liveness_probe.http_get is None
    assert proxy.liveness_probe.tcp_socket.port == HTTP_PORT_NAME


@pytest.mark.parametrize("change", ["connection_age_s", "slowest_request_s"])
def test_a_changed_configuration_changes_the_pod_template(change: str) -> None:
    assert CONFIG_DIGEST.startswith("tritonup/")
    planned: Any = {"server": "vision", "connection_age_s": 2, "pre_stop_s": 7, "slowest_request_s": 10}
    one, other = plan_proxy(**planned), plan_proxy(**{**planned, change: planned[change] + 1})
    assert config_digest(one) == config_digest(plan_proxy(**planned))
    assert config_digest(one) != config_digest(other)
