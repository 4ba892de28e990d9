"""What only a GKE cluster that this stack makes has. Everything is optional: what is left out is the safe choice."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from planning.settings.base import Strict
from planning.settings.pools import Bounds
from planning.settings.quantities import Duration
from planning.settings.scalars import Distinct

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

CryptoKeyName = Annotated[
    str,
    Field(
        pattern=r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$",
        examples=["projects/acme/locations/europe-west4/keyRings/gke/cryptoKeys/secrets"],
    ),
]


class DnsEndpoint(Strict):
    """The control plane has no address of its own: it answers behind a name of Google's, to whom IAM lets connect
    (`container.clusters.connect`), from wherever they are."""

    kind: Literal["dns"]


class MadeKey(Strict):
    """A Cloud KMS key of this cluster's own, changed every 90 days."""

    kind: Literal["made"] = "made"


class GivenKey(Strict):
    """A Cloud KMS key that is there, in the cluster's region. Its owner lets GKE use it."""

    kind: Literal["key"]
    key: CryptoKeyName


class GoogleKey(Strict):
    """Google's own keys alone."""

    kind: Literal["google"]


Encryption = Annotated[MadeKey | GivenKey | GoogleKey, Field(discriminator="kind")]


class MaintenanceExclusion(Strict):
    """A time without upgrades, such as a launch or the end of the year."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", examples=["year-end"])]
    start: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", examples=["2026-12-18T00:00:00Z"])]
    end: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", examples=["2027-01-04T00:00:00Z"])]
    without: Literal["upgrades", "minor-upgrades", "minor-or-node-upgrades"] = "minor-or-node-upgrades"
    """What does not happen: no upgrade at all (for 90 days at most), no new minor version, or neither a new minor
    version nor an upgrade of nodes."""


class Maintenance(Strict):
    """When Google may upgrade the control plane and the nodes, in UTC."""

    days: Annotated[list[Weekday], Field(min_length=1), Distinct()] = ["sat", "sun"]
    start: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["02:00"])] = "02:00"
    length: Duration = Duration.of_seconds(6 * 3600)
    exclusions: Annotated[list[MaintenanceExclusion], Field(max_length=20)] = []

    @field_validator("length")
    @classmethod
    def _long_enough(cls, length: Duration) -> Duration:
        if not 4 * 3600 <= length.seconds < 24 * 3600:
            raise ValueError("must be at least 4h and less than 24h: GKE takes no other window")
        return length


class SystemPool(Bounds):
    """The nodes of the cluster's own pods and of servers without a GPU."""

    machine: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)+$", examples=["e2-standard-4"])] = "e2-standard-4"
    min: Annotated[int, Field(ge=1)] = 2
    """Nodes that always run, over all zones."""
    max: Annotated[int, Field(ge=1)] = 6


class OnDemand(Strict):
    """Bought when they are needed, as `capacity` of the pool says."""

    kind: Literal["on-demand"] = "on-demand"


class Reservation(Strict):
    """Taken from a reservation of Compute Engine that is there and names its machine."""

    kind: Literal["reservation"]
    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$", examples=["l4-2026"])]
    project: Annotated[str, Field(pattern=r"^[a-z][-a-z0-9]{4,28}[a-z0-9]$")] | None = None
    """Left out, the cluster's own."""


class FlexStart(Strict):
    """Waits for capacity (Dynamic Workload Scheduler), and ends after at most seven days."""

    kind: Literal["flex-start"]
    run: Duration = Duration.of_seconds(7 * 24 * 3600)
    """After so long a node is ended, whatever it does."""
    queued: bool = False
    """Nodes come for a ProvisioningRequest, all at once, and for nothing else."""

    @field_validator("run")
    @classmethod
    def _within_a_week(cls, run: Duration) -> Duration:
        if not 600 <= run.seconds <= 7 * 24 * 3600:
            raise ValueError("must be from 10m to 168h: flex-start gives no node for longer")
        return run


Provisioning = Annotated[OnDemand | Reservation | FlexStart, Field(discriminator="kind")]


class SurgeUpgrade(Strict):
    """One new node first, then an old one goes."""

    kind: Literal["surge"] = "surge"


class BlueGreenUpgrade(Strict):
    """A whole new set of nodes first. It needs twice the GPUs while it lasts."""

    kind: Literal["blue-green"]
    soak: Duration = Duration.of_seconds(3600)
    """How long the old nodes are kept for a way back."""


Upgrade = Annotated[SurgeUpgrade | BlueGreenUpgrade, Field(discriminator="kind")]


class GkePool(Strict):
    """What only GKE knows of a pool of `gpu_pools`."""

    provisioning: Provisioning = OnDemand()
    upgrade: Upgrade = SurgeUpgrade()
    local_ssds: Annotated[int, Field(ge=1, le=32)] | None = None
    """Local SSDs of 375 GB that carry the node's images, logs and /tmp."""
    preloaded: list[Annotated[str, Field(pattern=r"^projects/[^/]+/global/images/[^/]+$")]] = []
    """Disk images with container images in them, so that a new node need not pull (secondary boot disks)."""
    disk: Annotated[str, Field(pattern=r"^[1-9][0-9]*Gi$", examples=["200Gi"])] | None = None
    """The boot disk; left out, planned from what pods and images need."""
    without_spot: Literal["wait", "on-demand"] = "wait"
    """Of a spot pool: what its pods do while there is no spot capacity. With `on-demand` they start on nodes that stand
    in for it, and a ComputeClass brings them back when there is spot again."""


GkeVolumeDriver = Literal["filestore"]


class ExistingBucket(Strict):
    """The bucket of `model_repository` is there, with uniform bucket-level access."""

    kind: Literal["existing"] = "existing"


class MadeBucket(Strict):
    """This stack makes the bucket of `model_repository`: versions kept, closed to the public, protected."""

    kind: Literal["made"]
    keep: Annotated[int, Field(ge=1)] = 30
    """Days for which a replaced object is kept."""


ModelBucket = Annotated[ExistingBucket | MadeBucket, Field(discriminator="kind")]

QuotaName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", examples=["NVIDIA_L4_GPUS"])]

GoogleGroup = Annotated[str, Field(pattern=r"^gke-security-groups@[a-z0-9.-]+$")]
