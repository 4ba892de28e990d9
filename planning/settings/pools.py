"""GPU node pools, as every cloud has them. Which machine carries the GPU is planned from the catalogue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from planning.catalogue.gpus import GpuKind
from planning.catalogue.machines import Capacity
from planning.settings.base import Strict


class Whole(Strict):
    """Every GPU serves one pod."""

    kind: Literal["whole"] = "whole"


class TimeSlicing(Strict):
    """Pods take turns on one GPU, without any isolation of memory or faults."""

    kind: Literal["time-slicing"]
    pods: Annotated[int, Field(ge=2, le=48)]
    """How many pods share a GPU. GKE's limit is 48."""


class Mps(Strict):
    """Pods share one GPU at the same time, each with its share of memory (NVIDIA MPS). Not on GKE, where pods would
    need the IPC of their node."""

    kind: Literal["mps"]
    pods: Annotated[int, Field(ge=2, le=48)]
    """How many pods share a GPU. MPS's own limit is 48 clients from Volta on."""


class Mig(Strict):
    """The GPU is cut into isolated instances of one profile."""

    kind: Literal["mig"]
    profile: Annotated[str, Field(pattern=r"^[1-7]g\.[0-9]+gb$", examples=["1g.10gb"])]


Sharing = Annotated[Whole | TimeSlicing | Mps | Mig, Field(discriminator="kind")]


class CloudHealth(Strict):
    """What the cloud does by itself, which the plan says."""

    kind: Literal["cloud"] = "cloud"


class Drained(Strict):
    """A program of ours takes the node out of service and evicts its pods within their disruption budgets. It needs
    `images.registry`."""

    kind: Literal["drained"]
    at_once: Annotated[int, Field(ge=1)] = 1
    """How many nodes of the pool may be drained at the same time."""


Health = Annotated[CloudHealth | Drained, Field(discriminator="kind")]


class Bounds(Strict):
    """What has a `min`, and a `max` that is not below it."""

    @field_validator("max", check_fields=False)
    @classmethod
    def _above_min(cls, most: int, info: ValidationInfo) -> int:
        least = info.data.get("min")
        if least is not None and most < least:
            raise ValueError("is less than `min`")
        return most


class NodeBounds(Bounds):
    """How many nodes the pool may have, over all zones."""

    min: Annotated[int, Field(ge=0)] = 0
    max: Annotated[int, Field(ge=1)]


class GpuPool(Strict):
    """A set of like nodes with GPUs."""

    gpu: GpuKind
    """The GPU's kind, as the catalogue names it."""
    gpus_per_node: Annotated[int, Field(ge=1, le=16)] = 1
    capacity: Capacity
    """How its nodes are bought: on demand (a floor can stand on it) or spot (cheaper, and taken away after a
    short notice)."""
    sharing: Sharing = Whole()
    nodes: NodeBounds
    health: Health = CloudHealth()
    """What becomes of a node whose GPU fails: by a fatal Xid, uncorrectable ECC, or rows that cannot be remapped."""
    startup_taint: bool = False
    """Nodes come with a taint that a program of ours takes off when all their GPUs can be allocated. For pools that a
    Cluster Autoscaler fills, which otherwise waits for the first GPU alone; it needs `images.registry`. On an existing
    cluster the node pool must bring the taint."""
