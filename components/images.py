"""How containers name their images."""

from __future__ import annotations

from planning.images import ImageRef


def image_reference(image: ImageRef) -> str:
    """By digest alone; only a local stack may name by its tag what this machine packs (rule TU705)."""
    return image.by_digest if image.digest else str(image)
