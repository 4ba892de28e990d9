"""Where images come from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from planning.settings.base import Strict
from planning.settings.scalars import Name

Registry = Annotated[
    str,
    Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._/-]+)?$", examples=["europe-docker.pkg.dev/acme/gpu"]),
]


class Images(Strict):
    registry: Registry | None = None
    """Your registry: what this project builds itself comes from there."""
    mirror: Registry | None = None
    """A pull-through mirror for published images. Digests stay the same."""
    pull_secret: Name | None = None
    """A Secret of type kubernetes.io/dockerconfigjson in the namespace, which you make."""
