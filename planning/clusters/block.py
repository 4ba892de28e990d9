"""Where the block that says what the cluster is stands in the stack file: another stack's is repeated in one below."""

from __future__ import annotations

from planning.findings import Place, setting
from planning.settings.cluster import Reference
from planning.settings.root import Settings


def at_block(settings: Settings) -> Place:
    return setting("cluster.cluster" if isinstance(settings.cluster, Reference) else "cluster")


def at(settings: Settings, field: str) -> Place:
    """The place of `field` of that block."""
    return setting(f"{at_block(settings).field}.{field}")
