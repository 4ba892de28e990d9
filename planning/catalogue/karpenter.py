"""The Karpenter that is installed, and which Kubernetes each of its versions knows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Version = tuple[int, int, int]

INSTALLED: Final[Version] = (1, 14, 1)
"""What `controllers.karpenter: install` brings. Its definitions are in components/controllers/crds/, and its image is
in the image lock: the three change together."""

KNOWN_SINCE: Final[Mapping[str, Version]] = MappingProxyType(
    {
        "1.30": (0, 37, 0),
        "1.31": (1, 0, 5),
        "1.32": (1, 2, 0),
        "1.33": (1, 5, 0),
        "1.34": (1, 6, 0),
        "1.35": (1, 9, 0),
        "1.36": (1, 13, 0),
    }
)
"""Of each minor version of Kubernetes the oldest Karpenter that knows it."""

SOURCE: Final = (
    "aws/karpenter-provider-aws 1d92708 (2026-08-21): website/content/en/v1.14/upgrading/compatibility.md,"
    " Compatibility Matrix"
)


def written(version: Version) -> str:
    return ".".join(map(str, version))


def knows(kubernetes: str, version: Version = INSTALLED) -> bool:
    """Whether `version` of Karpenter is said to work with the minor version `kubernetes`. What the matrix does not have
    is not known."""
    since = KNOWN_SINCE.get(kubernetes)
    return since is not None and version >= since
