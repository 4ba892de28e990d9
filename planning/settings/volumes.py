"""A volume of models that a Job fills and many pods read: whose storage it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from planning.settings.base import Strict
from planning.settings.quantities import Memory

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


FilestoreTier = Literal["standard", "zonal", "regional", "enterprise"]

FILESTORE_SIZES: Mapping[FilestoreTier, tuple[Memory, Memory]] = {
    "standard": (Memory(100 * 2**30), Memory(639 * 2**40 // 10)),
    "zonal": (Memory(2**40), Memory(9984 * 2**30)),
    "regional": (Memory(100 * 2**30), Memory(9984 * 2**30)),
    "enterprise": (Memory(2**40), Memory(10 * 2**40)),
}
"""The least and the most that the driver makes (gcp-filestore-csi-driver 2edb466, pkg/csi_driver/controller.go,
`tierToCapacityRange`)."""


class OfFilestore(Strict):
    """A Filestore instance of Google's, which its CSI driver makes: `cluster.volumes` has `filestore` in it."""

    kind: Literal["filestore"]
    network: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$", examples=["cluster-network-1a2b3c4"])]
    """The VPC network of the cluster's nodes, by its name. Left to Google it would be `default`, in which they are
    not."""
    tier: FilestoreTier = "zonal"
    size: Memory
    """Room for two versions of all that is served: a new one is written beside the old. It can be raised later, and
    never lowered."""

    @model_validator(mode="after")
    def _size_of_its_tier(self) -> Self:
        least, most = FILESTORE_SIZES[self.tier]
        if not least <= self.size <= most:
            raise ValueError(f"has a size from {least} to {most.readable()} with tier {self.tier}, not {self.size}")
        return self


VolumeStorage = Annotated[OfClass | OfEfs | OfFilestore, Field(discriminator="kind")]

LEFT_OUT: Mapping[str, str] = {
    "hyperdisk-ml": "A Hyperdisk ML is filled first and given to many readers afterwards, for good: steps that nothing"
    " holds in order where objects are applied at once. Fill one yourself (docs/how-to/model-volume.md) and write"
    " `destination: {kind: claim, claim: …}`, or choose `filestore`.",
}
"""Storage that people look for here: what there is in its place."""
