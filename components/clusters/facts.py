"""What making a cluster ends in: all that the serving part needs to know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulumi import Output, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """The kinds of cluster differ before this and are alike after it."""

    name: Output[str]
    kubeconfig: Output[str]
    """A secret. It holds no credential of its own: the cloud's command is asked for a token at each use."""
    ready: Sequence[Resource]
    """What must be there before anything is put on the cluster: its node pools, add-ons and access rules."""
    roles: Mapping[str, Output[str]] = field(default_factory=dict[str, Output[str]])
    """The cloud's role of each server that gets one here, by the server's name: its ServiceAccount must name it."""
