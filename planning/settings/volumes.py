"""A volume of models that a Job fills and many pods read: whose storage it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planning.settings.base import Strict
from planning.settings.scalars import Memory

StorageClassName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", examples=["nfs-client", "azurefile-csi"]),
]


class OfClass(Strict):
    """A StorageClass that the cluster has. Its volumes can be written on one node and read on many (ReadWriteMany),
    and user or group 1000 may write to their root."""

    kind: Literal["class"]
    name: StorageClassName
    size: Memory
    """Room for two versions of all that is served: a new one is written beside the old. It can be raised later where
    the class allows that, and never lowered."""


class OfEfs(Strict):
    """An Amazon EFS file system, through its CSI driver: `cluster.volumes` has `efs` in it."""

    kind: Literal["efs"]
    file_system: Annotated[str, Field(pattern=r"^fs-[0-9a-f]{8,40}$", examples=["fs-0123456789abcdef0"])]
    """The file system, which you make, with a mount target in each zone that nodes reach on port 2049. It grows by
    itself."""


VolumeStorage = Annotated[OfClass | OfEfs, Field(discriminator="kind")]
