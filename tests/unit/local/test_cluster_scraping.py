"""The cluster's Prometheus scrapes what a rendered PodMonitor selects, or says that it cannot."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from local.cluster.errors import ClusterError
from local.cluster.scraping import prometheus_config

MONITOR: Mapping[str, Any] = {
    "metadata": {"name": "vision", "namespace": "inference"},
    "spec": {
        "selector": {"matchLabels": {"app.kubernetes.io/name": "triton", "tier": "a.b"}},
        "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics", "interval": "2s"}],
    },
}

META = "__meta_kubernetes_"

POD = {
    f"{META}namespace": "inference",
    f"{META}pod_name": "vision-1",
    f"{META}pod_phase": "Running",
    f"{META}pod_container_name": "triton",
    f"{META}pod_container_port_name": "metrics",
    f"{META}pod_label_app_kubernetes_io_name": "triton",
    f"{META}pod_labelpresent_app_kubernetes_io_name": "true",
    f"{META}pod_label_tier": "a.b",
    f"{META}pod_labelpresent_tier": "true",
}


def relabelled(pod: Mapping[str, str]) -> dict[str, str] | None:
    """The target's labels by the one job's rules, as Prometheus applies them; None where it is dropped."""
    (job,) = prometheus_config([MONITOR])["scrape_configs"]
    found: dict[str, str] = {}
    for rule in job["relabel_configs"]:
        value = ";".join(pod.get(label, "") for label in rule.get("source_labels", []))
        matches = re.fullmatch(rule.get("regex", "(.*)"), value) is not None
        match rule.get("action", "replace"):
            case "keep" if not matches:
                return None
            case "drop" if matches:
                return None
            case "replace":
                found[rule["target_label"]] = rule.get("replacement", value)
            case _:
                continue
    return found


def test_a_selected_pods_series_are_labelled_as_the_operator_labels_them() -> None:
    assert relabelled(POD) == {
        "namespace": "inference",
        "pod": "vision-1",
        "container": "triton",
        "job": "inference/vision",
        "endpoint": "metrics",
    }


@pytest.mark.parametrize(
    "other",
    [
        {f"{META}pod_container_port_name": "http"},
        {f"{META}pod_label_app_kubernetes_io_name": "other"},
        {f"{META}pod_label_tier": "aXb"},
        {f"{META}pod_labelpresent_tier": ""},
        {f"{META}pod_phase": "Succeeded"},
    ],
    ids=str,
)
def test_nothing_else_is_scraped(other: Mapping[str, str]) -> None:
    assert relabelled({**POD, **other}) is None


def test_only_the_monitors_own_namespace_is_searched_at_its_interval() -> None:
    (job,) = prometheus_config([MONITOR])["scrape_configs"]
    assert job["kubernetes_sd_configs"] == [{"role": "pod", "namespaces": {"names": ["inference"]}}]
    assert (job["scrape_interval"], job["metrics_path"]) == ("2s", "/metrics")


@pytest.mark.parametrize(
    ("says", "named"),
    [
        (lambda spec: spec.update(namespaceSelector={"any": True}), "namespaceSelector"),
        (lambda spec: spec["selector"].update(matchExpressions=[]), "matchExpressions"),
        (lambda spec: spec["podMetricsEndpoints"][0].update(scheme="https"), "scheme"),
    ],
    ids=["namespaces", "expressions", "scheme"],
)
def test_what_would_be_left_out_is_refused(says: Callable[[Any], None], named: str) -> None:
    monitor = copy.deepcopy(dict(MONITOR))
    says(monitor["spec"])
    with pytest.raises(ClusterError, match=f"inference/vision says {named}"):
        prometheus_config([monitor])
