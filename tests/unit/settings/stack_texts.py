"""A stack that uses every block of the settings, as plain data, and what can be done to it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, cast

from planning.findings import Finding
from planning.settings.reading import read_settings
from planning.settings.root import Settings

Plain = Any
Path = tuple[str | int, ...]

STACK: dict[str, Plain] = {
    "namespace": "inference",
    "cluster": {
        "kind": "reference",
        "stack": "acme/tritonup/cluster",
        "cluster": {
            "kind": "gke",
            "project": "acme-inference",
            "region": "us-central1",
            "zones": ["us-central1-a", "us-central1-b"],
            "kubernetes": "1.35",
            "release_channel": "regular",
            "endpoint": {"kind": "public", "allow": ["203.0.113.0/24"]},
            "spot_notice": "60s",
            "machines": {"cheap": "g2-standard-16"},
        },
    },
    "controllers": {"keda": "none", "prometheus_operator": "present"},
    "images": {"registry": "registry.example/acme", "pull_secret": "ngc"},
    "gpu_pools": {
        "steady": {"gpu": "nvidia-l4", "capacity": "on-demand", "nodes": {"min": 1, "max": 4}},
        "cheap": {
            "gpu": "nvidia-a100-80gb",
            "capacity": "spot",
            "sharing": {"kind": "mig", "profile": "1g.10gb"},
            "nodes": {"max": 4},
        },
    },
    "model_repository": {
        "directory": "model_repository",
        "destination": {"kind": "claim", "claim": "filled"},
    },
    "servers": {
        "vision": {
            "kind": "triton",
            "release": "26.08",
            "models": ["digits", "topics"],
            "gpu": {"kind": "nvidia", "pools": ["steady", "cheap"], "memory": "6Gi"},
            "replicas": {"floor": 2, "ceiling": 4},
            "exposure": {
                "kind": "internal",
                "networks": ["10.0.0.0/8"],
                "callers": [{"namespace": "apps", "pods": {"app": "indexer"}}],
            },
            "slo": {"latency": {"percentile": 99, "within": "100ms"}, "availability": 99.9},
            "resources": {"cpu": "2", "memory": "4Gi"},
            "drain": {"slowest_request": "10s"},
        },
        "text": {
            "kind": "triton",
            "release": "26.08",
            "models": ["topics"],
            "gpu": {"kind": "none"},
            "replicas": {"floor": 1, "ceiling": 1},
            "exposure": {"kind": "cluster", "callers": [{"namespace": "apps"}]},
            "resources": {"cpu": "500m", "memory": "4Gi"},
        },
    },
    "monitoring": {"kind": "prometheus-operator", "namespace": "monitoring", "labels": {"release": "prometheus"}},
    "labels": {"team": "inference"},
    "accept": [{"rule": "TU321", "reason": "one replica is enough here"}],
}


def leaves(value: Plain = STACK, path: Path = ()) -> Iterator[Path]:
    """The path of every value that holds no other."""
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Plain]", value).items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(cast("list[Plain]", value)):
            yield from leaves(inner, (*path, index))
    else:
        yield path


def blocks(value: Plain = STACK, path: Path = ()) -> Iterator[Path]:
    """The path of every mapping."""
    if isinstance(value, dict):
        yield path
        for key, inner in cast("dict[str, Plain]", value).items():
            yield from blocks(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(cast("list[Plain]", value)):
            yield from blocks(inner, (*path, index))


def at(stack: Plain, path: Path) -> Plain:
    for part in path:
        stack = stack[part]
    return stack


def put(path: Path, value: Plain, stack: Plain = STACK) -> Plain:
    """A copy of `stack` with `value` at `path`."""
    changed = copy.deepcopy(stack)
    if not path:
        return value
    at(changed, path[:-1])[path[-1]] = value
    return changed


def findings(stack: Plain) -> tuple[Finding, ...]:
    read = read_settings(stack)
    return () if isinstance(read, Settings) else read


def said(stack: Plain) -> list[tuple[str, str]]:
    """Rule and place of every finding."""
    return [(finding.rule.id, finding.at.field) for finding in findings(stack)]
