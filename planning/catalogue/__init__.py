"""What is known about GPUs, machines, prices, Triton's releases and clouds: data, a source for every figure.

Planning asks a `Catalogue`, of which `CATALOGUE` is the real one; tests may make another. Nothing here is
computed from settings, nothing is fetched, and what nobody found is None or absent, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast, get_args

from planning.catalogue.clouds import CLOUDS, CloudFacts
from planning.catalogue.flags import known_flags
from planning.catalogue.gpus import GPUS, Gpu, GpuKind
from planning.catalogue.machines import MACHINES, Capacity, Cloud, MachineType
from planning.catalogue.prices import Price, price
from planning.catalogue.releases import MINIMUM_SECURE_RELEASE, RELEASES, TritonRelease, release_order
from planning.catalogue.zones import zones_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Lookups by key are plain mappings and cannot fail for a typed key; lookups by a name that a user wrote
    return None where the catalogue has none of it."""

    gpus: Mapping[GpuKind, Gpu]
    machines: tuple[MachineType, ...]
    releases: Mapping[str, TritonRelease]
    clouds: Mapping[Cloud, CloudFacts]
    minimum_secure_release: str

    def gpu(self, kind: str) -> Gpu | None:
        """The GPU of this kind, None where there is none of that name."""
        return self.gpus[cast("GpuKind", kind)] if kind in get_args(GpuKind) else None

    def release(self, tag: str) -> TritonRelease | None:
        """The release with this tag ("26.08"), None where it is not known."""
        return self.releases.get(tag)

    def is_secure(self, tag: str) -> bool:
        """Whether the release has the fixes of every bulletin known. ValueError for what is not a tag."""
        return release_order(tag) >= release_order(self.minimum_secure_release)

    def flags(self, tag: str) -> frozenset[str]:
        """The flags of Triton that this release accepts. ValueError for one older than is known."""
        return known_flags(tag)

    def machines_with(self, cloud: Cloud, gpu: GpuKind, gpus: int, capacity: Capacity) -> tuple[MachineType, ...]:
        """The machines of `cloud` that carry just this many of `gpu` and are sold in this way, smallest
        first."""
        found = (m for m in self.machines if (m.cloud, m.gpu, m.gpus) == (cloud, gpu, gpus))
        return tuple(
            sorted(
                (m for m in found if capacity in m.capacities),
                key=lambda m: (m.vcpus, m.memory_bytes, m.name),
            )
        )

    def machine(self, cloud: Cloud, name: str, gpu: GpuKind, gpus: int) -> MachineType | None:
        """The machine of this name with these GPUs, None where the cloud does not offer it."""
        for machine in self.machines:
            if (machine.cloud, machine.name, machine.gpu, machine.gpus) == (cloud, name, gpu, gpus):
                return machine
        return None

    def price(self, machine: MachineType, region: str, capacity: Capacity) -> Price | None:
        """US dollars for one hour of `machine`, None where no dated price was found."""
        return price(machine, region, capacity)

    def zones(self, machine: MachineType) -> frozenset[str] | None:
        """Where `machine` is offered, over all regions; None where nobody looked."""
        return zones_of(machine)


CATALOGUE: Final = Catalogue(
    gpus=GPUS,
    machines=MACHINES,
    releases=RELEASES,
    clouds=CLOUDS,
    minimum_secure_release=MINIMUM_SECURE_RELEASE,
)
"""Everything that is known."""
