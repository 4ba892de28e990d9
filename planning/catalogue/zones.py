"""Where in a region each of Google Cloud's GPU machines is offered.

A region's name says little: of us-central1's four zones one has H200s. The lists are of what the API offered, not of
what is free on a day. A zone that they do not know is refused with the list in the finding, so that a stale line here
is seen and mended.
"""

from __future__ import annotations

from typing import Final

from planning.catalogue.machines import MachineType

_SKYPILOT: Final = "skypilot-org/skypilot-catalog 006059e catalogs/v8/gcp/vms.csv"
_CYCLENERD: Final = "Cyclenerd/google-cloud-pricing-cost-calculator dac3128 tools/acceleratortypezone.csv"

ZONE_SOURCES: Final = {
    "machines": f"{_SKYPILOT}: the zones of each machine type, from Compute Engine's API",
    "attached GPUs": f"{_CYCLENERD}: the zones of each accelerator type, from Compute Engine's API",
}

_G2: Final = (
    "asia-east1-a asia-east1-b asia-east1-c asia-northeast1-a asia-northeast1-b asia-northeast1-c"
    " asia-northeast3-a asia-northeast3-b asia-south1-a asia-south1-b asia-south1-c asia-southeast1-a"
    " asia-southeast1-b asia-southeast1-c europe-west1-b europe-west1-c europe-west2-a europe-west2-b"
    " europe-west3-a europe-west3-b europe-west4-a europe-west4-b europe-west4-c europe-west6-b"
    " europe-west6-c me-central2-a me-central2-c northamerica-northeast1-b northamerica-northeast1-c"
    " northamerica-northeast2-a northamerica-northeast2-b us-central1-a us-central1-b us-central1-c"
    " us-east1-b us-east1-c us-east1-d us-east4-a us-east4-c us-west1-a us-west1-b us-west1-c us-west4-a"
    " us-west4-c"
)
_A2_HIGH: Final = (
    "asia-northeast1-a asia-northeast1-c asia-northeast3-a asia-northeast3-b asia-southeast1-a"
    " asia-southeast1-b asia-southeast1-c europe-west4-a europe-west4-b me-west1-a me-west1-c"
    " us-central1-a us-central1-b us-central1-c us-central1-f us-east1-b us-west1-b us-west3-b us-west4-b"
)
_A2_ULTRA: Final = "asia-southeast1-c europe-west4-a us-central1-a us-central1-c us-east4-c us-east5-a us-east5-b"
_A3_HIGH: Final = (
    "asia-east1-c asia-northeast1-b asia-south1-c asia-south2-b asia-southeast1-b asia-southeast1-c"
    " australia-southeast1-c europe-north1-c europe-west1-b europe-west1-c europe-west3-c europe-west4-b"
    " europe-west4-c europe-west8-c europe-west9-c us-central1-a us-central1-b us-central1-c us-east4-a"
    " us-east4-b us-east4-c us-east5-a us-west1-a us-west1-b us-west4-a"
)
_A3_ULTRA: Final = (
    "asia-south1-b asia-south2-c europe-west1-b europe-west4-a us-central1-b us-east4-b us-east5-a"
    " us-south1-b us-west1-c"
)
_A4: Final = (
    "asia-northeast1-b asia-southeast1-b europe-north1-b europe-west4-b us-central1-b us-east1-b"
    " us-east4-b us-south1-b us-west2-c us-west3-b us-west3-c"
)
_T4: Final = (
    "asia-east1-a asia-east1-c asia-east2-a asia-east2-c asia-northeast1-a asia-northeast1-c"
    " asia-northeast3-b asia-northeast3-c asia-south1-a asia-south1-b asia-south1-c asia-southeast1-a"
    " asia-southeast1-b asia-southeast1-c asia-southeast2-a asia-southeast2-b australia-southeast1-a"
    " australia-southeast1-c europe-central2-b europe-central2-c europe-west1-b europe-west1-c"
    " europe-west1-d europe-west2-a europe-west2-b europe-west3-b europe-west4-a europe-west4-b"
    " europe-west4-c me-west1-b me-west1-c northamerica-northeast1-c southamerica-east1-a"
    " southamerica-east1-c us-central1-a us-central1-b us-central1-c us-central1-f us-east1-c us-east1-d"
    " us-east4-a us-east4-b us-east4-c us-west1-a us-west1-b us-west2-b us-west2-c us-west3-b us-west4-a"
    " us-west4-b"
)
_V100: Final = (
    "asia-east1-c europe-west4-a europe-west4-b europe-west4-c us-central1-a us-central1-b us-central1-c"
    " us-central1-f us-east1-c us-west1-a us-west1-b"
)

_BY_FAMILY: Final = {
    "g2-standard": _G2,
    "a2-highgpu": _A2_HIGH,
    "a2-ultragpu": _A2_ULTRA,
    "a3-highgpu": _A3_HIGH,
    "a3-ultragpu": _A3_ULTRA,
    "a4-highgpu": _A4,
}
_BY_ATTACHED: Final = {"nvidia-t4": _T4, "nvidia-v100-16gb": _V100}

_NOT_WITH_EIGHT: Final = frozenset({"europe-west8-c"})
"""Where a3-highgpu is offered with fewer GPUs alone."""


def zones_of(machine: MachineType) -> frozenset[str] | None:
    """The zones of all regions in which `machine` is offered; None where nobody looked, as on EKS."""
    if machine.cloud != "gke":
        return None
    known = _BY_ATTACHED.get(machine.gpu) if machine.attached else _BY_FAMILY.get(machine.name.rpartition("-")[0])
    if known is None:
        return None
    return frozenset(known.split()) - (_NOT_WITH_EIGHT if machine.name == "a3-highgpu-8g" else frozenset())
