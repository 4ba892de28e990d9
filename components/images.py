"""How containers name their images, and with what those are pulled."""

from __future__ import annotations

from pulumi_kubernetes.core.v1 import LocalObjectReferenceArgs

from planning.images import ImageRef


def image_reference(image: ImageRef) -> str:
    """By digest alone; only a local stack may name by its tag what this machine packs (rule TU705)."""
    return image.by_digest if image.digest else str(image)


def pull_secrets(name: str | None) -> list[LocalObjectReferenceArgs] | None:
    """Of a pod, where the user's registry asks who pulls."""
    return [LocalObjectReferenceArgs(name=name)] if name else None
