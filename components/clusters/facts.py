"""What making a cluster ends in: all that the serving part needs to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi import Output, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """The kinds of cluster differ before this and are alike after it."""

    name: Output[str]
    kubeconfig: Output[str]
    """A secret. It holds no credential of its own: the cloud's command is asked for a token at each use."""
    ready: Sequence[Resource]
    """What must be there before anything is put on the cluster: node pools, add-ons, access rules, identities."""
    model_key: Output[str] | None = None
    """What encrypts the models' bucket, where that is for whoever writes to it to know."""
