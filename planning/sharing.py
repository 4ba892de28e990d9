"""A GPU's shares: the whole of it, a turn on it, or a slice of it.

Of what is shared in turns or by MPS a pod has one share: asking for two is refused by MPS always, by GKE always
("About GPU sharing strategies in GKE": at most 1 nvidia.com/gpu), and by NVIDIA's device plugin where it is set up
as its README recommends, because two shares of one GPU compute no more than one. MIG slices are devices of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from planning.catalogue import Catalogue
from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.settings.pools import GpuPool, Mig, Mps, TimeSlicing, Whole
from planning.settings.scalars import Memory

NO_SUCH_PROFILE = Rule("TU304", Severity.ERROR, "A MIG profile is one that the GPU can be cut into")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`per_gpu`: how many one GPU has; `memory`: bytes of each. `whole`: a pod may have several and use them all."""

    per_gpu: int
    memory: Derived[int]
    whole: bool


def plan_share(name: str, wanted: GpuPool, catalogue: Catalogue) -> Share | Finding:
    """What one share of a GPU of pool `name` is, or why its GPUs cannot be shared so."""
    gpu = catalogue.gpus[wanted.gpu]
    whole = f"a {gpu.kind} has {Memory(gpu.memory_bytes).readable()}"
    match wanted.sharing:
        case Whole():
            return Share(per_gpu=1, memory=Derived(gpu.memory_bytes, whole), whole=True)
        case TimeSlicing(pods=pods) | Mps(pods=pods) as sharing:
            because = f"{whole} and {pods} pods share it ({sharing.kind})"
            return Share(per_gpu=pods, memory=Derived(gpu.memory_bytes // pods, because), whole=False)
        case Mig(profile=profile):
            for known in gpu.mig:
                if known.name == profile:
                    because = f"MIG profile {profile} of a {gpu.kind} has that much"
                    return Share(per_gpu=known.per_gpu, memory=Derived(known.memory_bytes, because), whole=True)
            names = ", ".join(known.name for known in gpu.mig)
            return Finding(
                rule=NO_SUCH_PROFILE,
                at=setting(f"gpu_pools.{name}.sharing.profile"),
                what=f"{profile!r} is not a MIG profile of {gpu.kind}.",
                fix=f"Write one of: {names}." if names else "The catalogue knows none of it: share it otherwise.",
            )
