"""Changing `cluster` alone moves a stack to another cloud: what is served, and how, stays the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from rendered_stack import RenderedStack, changed_stack, rendered_stack

from stacks.recording import leaves

POOLS = {
    name: {
        "labels": {"tritonup/pool": name},
        "taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}],
        "zones": ["a", "b"],
        **notice,
    }
    for name, notice in (("l4", {}), ("l4-spot", {"notice": "60s"}))
}

CLUSTERS: dict[str, dict[str, Any]] = {
    "eks": {
        "kind": "eks",
        "account": "123456789012",
        "region": "us-east-1",
        "zones": ["us-east-1a", "us-east-1b"],
        "endpoint": {"kind": "public", "allow": ["203.0.113.0/24"]},
    },
    "existing": {"kind": "existing", "kubernetes": "1.35", "platform": "other", "pools": POOLS},
}

CLOUDS_OWN = (
    (r"NetworkPolicy", r"spec\.egress", "where DNS and identity are answered"),
    (r"Deployment", r"spec\.progressDeadlineSeconds", "how long a new node takes"),
    (r"Deployment", r"metadata\.annotations\.pulumi\.com/timeoutSeconds", "how long a new node takes"),
    (r"Service", r"metadata\.annotations\.", "whose load balancer it is"),
    (r"Deployment", r"spec\.template\.spec\.nodeSelector\.cloud\.google\.com/", "the ComputeClass of GKE's pools"),
    (r"Deployment", r"spec\.template\.spec\.(tolerations|affinity)", "labels and taints that the cloud's nodes have"),
)
"""What may differ: kind, path, and the reason."""

NODES = {"ComputeClass"}
"""Kinds that say to a cloud's autoscaler what nodes are made of."""


def _differing(one: RenderedStack, other: RenderedStack) -> Iterator[tuple[str, str]]:
    """Kind and path of every leaf that the two have not alike."""
    mine, theirs = (
        {key: body for key, body in stack.by_object().items() if key[0] not in NODES} for stack in (one, other)
    )
    assert set(mine) == set(theirs), "the same objects, by kind, namespace and name"
    for key, body in mine.items():
        here, there = dict(leaves(body)), dict(leaves(theirs[key]))
        for path in sorted(here.keys() | there.keys()):
            if here.get(path) != there.get(path):
                yield key[0], path


@pytest.mark.parametrize("kind", CLUSTERS)
def test_another_kind_of_cluster_changes_what_is_the_clouds_own_and_nothing_else(
    kind: str, assembled_models: None
) -> None:
    other = changed_stack("dev", lambda raw: raw.update(cluster=CLUSTERS[kind]))
    strange = [
        (what, path)
        for what, path in _differing(rendered_stack("dev"), other)
        if not any(re.fullmatch(own, what) and re.match(field, path) for own, field, _ in CLOUDS_OWN)
    ]
    assert strange == []
