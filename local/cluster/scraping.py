"""What Prometheus is told to scrape: the jobs that the Prometheus operator would make of PodMonitors.

The operator's own way (generatePodMonitorConfig, pkg/prometheus/promcfg.go of prometheus-operator v0.93): one job for
each endpoint, its pods found by namespace, labels and the name of the port, its series labelled with `namespace`,
`pod`, `container` and `endpoint`, which the rules of an adapter build on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from local.cluster.errors import ClusterError
from local.cluster.kubectl import Object

_SPEC = {"selector", "podMetricsEndpoints"}
_SELECTOR = {"matchLabels"}
_ENDPOINT = {"port", "path", "interval"}
_META = "__meta_kubernetes_"


def prometheus_config(monitors: Sequence[Object]) -> Mapping[str, Any]:
    """Prometheus' configuration for `monitors` and nothing else. ClusterError where one says something that this
    does not know, and that would be left out."""
    return {"scrape_configs": [job for monitor in monitors for job in _jobs(monitor)]}


def _jobs(monitor: Object) -> list[Mapping[str, Any]]:
    metadata, spec = monitor["metadata"], monitor["spec"]
    where = f"{metadata['namespace']}/{metadata['name']}"
    _require(where, spec, _SPEC)
    _require(where, spec["selector"], _SELECTOR)
    jobs: list[Mapping[str, Any]] = []
    for number, endpoint in enumerate(spec["podMetricsEndpoints"]):
        _require(where, endpoint, _ENDPOINT)
        interval = endpoint.get("interval", "30s")
        jobs.append(
            {
                "job_name": f"podMonitor/{where}/{number}",
                "scrape_interval": interval,
                "scrape_timeout": interval,
                "metrics_path": endpoint.get("path", "/metrics"),
                "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [metadata["namespace"]]}}],
                "relabel_configs": [
                    _only("drop", [f"{_META}pod_phase"], "(Failed|Succeeded)"),
                    *(
                        _only("keep", [f"{_META}pod_label{kind}_{_safe(label)}" for kind in ("", "present")], wanted)
                        for label, value in sorted(spec["selector"]["matchLabels"].items())
                        for wanted in [f"({re.escape(value)});true"]
                    ),
                    _only("keep", [f"{_META}pod_container_port_name"], re.escape(endpoint["port"])),
                    *(
                        {"source_labels": [f"{_META}{source}"], "target_label": label}
                        for label, source in (
                            ("namespace", "namespace"),
                            ("container", "pod_container_name"),
                            ("pod", "pod_name"),
                        )
                    ),
                    {"target_label": "job", "replacement": where},
                    {"target_label": "endpoint", "replacement": endpoint["port"]},
                ],
            }
        )
    return jobs


def _only(action: str, labels: Sequence[str], pattern: str) -> Mapping[str, Any]:
    return {"action": action, "source_labels": list(labels), "regex": pattern}


def _safe(label: str) -> str:
    """As service discovery writes a label's name (SanitizeLabelName, util/strutil of Prometheus)."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", label)


def _require(where: str, given: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(given.keys() - known):
        raise ClusterError(
            f"PodMonitor {where} says {', '.join(unknown)}, which the Prometheus of this cluster does not follow."
        )
