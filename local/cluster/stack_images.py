"""The images that a local stack's pods need and that no registry has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from local.cluster.image_archive import PackedImage
from local.cluster.kubectl import Object
from local.cluster.layout import Layout
from local.cluster.programs_image import NAME as PROGRAMS
from local.cluster.programs_image import programs_image
from local.cluster.progress import Progress
from local.cluster.proxy_image import proxy_image
from local.cluster.triton_image import triton_image
from planning.plan import Plan


def stack_images(layout: Layout, progress: Progress) -> tuple[PackedImage, ...]:
    """Packed where they are not in the cache."""
    return triton_image(layout, progress), proxy_image(layout, progress)


def images_of(plan: Plan, layout: Layout, progress: Progress) -> tuple[PackedImage, ...]:
    """Those that pods of `plan` run: that of our own programs only where one of them is among these."""
    wanted = {str(image) for server in plan.servers for image in server.images}
    wanted |= {str(one.image.value) for one in (plan.gpu_readiness, plan.gpu_health) if one is not None}
    programs = (programs_image(layout, progress),) if PROGRAMS in wanted else ()
    return *stack_images(layout, progress), *programs


def pinned(objects: Sequence[Object], images: Sequence[PackedImage]) -> list[Object]:
    """`objects` with every container of `images` naming its image by the digest of what was packed: new bytes are then
    a new version of the Deployment, and no other bytes can run under this name."""
    by_digest = {image.name: image.by_digest for image in images}
    return [_pinned(body, by_digest) for body in objects]


def _pinned(value: Any, by_digest: dict[str, str]) -> Any:  # any part of an object
    match value:
        case dict():
            parts = cast("dict[str, Any]", value)
            return {
                key: by_digest.get(inner, inner)
                if key == "image" and isinstance(inner, str)
                else _pinned(inner, by_digest)
                for key, inner in parts.items()
            }
        case list():
            return [_pinned(inner, by_digest) for inner in cast("list[Any]", value)]
        case _:
            return value
