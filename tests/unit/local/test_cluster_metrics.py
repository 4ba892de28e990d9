"""What the metrics pods may do, and what they serve with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.cluster.metrics_objects import adapter, api_service, metrics_server
from local.cluster.metrics_objects import prometheus as prometheus_workload
from local.cluster.workloads import Workload, objects
from planning.prometheus_adapter import RULES


@pytest.fixture
def workloads(tmp_path: Path) -> list[Workload]:
    certificate, key = tmp_path / "one.crt", tmp_path / "one.key"
    certificate.write_text("certificate")
    key.write_text("key")
    return [
        metrics_server("kube-system", certificate, key),
        prometheus_workload("monitoring", {"scrape_configs": []}),
        adapter("monitoring", RULES, certificate, key),
    ]


def made(workload: Workload, kind: str) -> list[Any]:
    return [body for body in objects(workload, "localhost/image:tag", "control") if body["kind"] == kind]


def test_they_only_read(workloads: list[Workload]) -> None:
    verbs = {
        verb
        for workload in workloads
        for role in made(workload, "ClusterRole")
        for rule in role["rules"]
        for verb in rule["verbs"]
    }
    assert verbs <= {"get", "list", "watch"}


def test_each_has_an_account_of_its_own_that_alone_has_its_rights(workloads: list[Workload]) -> None:
    for workload in workloads:
        (account,) = made(workload, "ServiceAccount")
        (deployment,) = made(workload, "Deployment")
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == account["metadata"]["name"]
        for binding in [*made(workload, "ClusterRoleBinding"), *made(workload, "RoleBinding")]:
            assert [(one["name"], one["namespace"]) for one in binding["subjects"]] == [
                (account["metadata"]["name"], account["metadata"]["namespace"])
            ]


def test_another_configuration_is_another_pod() -> None:
    def template(config: dict[str, Any]) -> Any:
        (deployment,) = made(prometheus_workload("monitoring", config), "Deployment")
        return deployment["spec"]["template"]

    one, other = {"scrape_configs": []}, {"scrape_configs": [{"job_name": "a"}]}
    assert template(one) == template(one)
    assert template(one) != template(other)


def test_the_api_server_is_told_whom_to_believe(workloads: list[Workload], tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text("authority")
    registered = api_service("metrics.k8s.io", workloads[0], authority)["spec"]
    assert registered["caBundle"]
    assert "insecureSkipTLSVerify" not in registered
