"""A GPU's shares: the whole of it, a turn on it, a part of it by MPS, or a slice of it.

Of what is shared in turns or by MPS a pod has one share: asking for two is refused by MPS always, by GKE always
("About GPU sharing strategies in GKE": at most 1 nvidia.com/gpu), and by NVIDIA's device plugin where it is set up
as its README recommends, because two shares of one GPU compute no more than one. MIG slices are devices of their own.
A pool's are all of one profile (strategy `single`), so that a pod asks for `nvidia.com/gpu` whatever it gets.

A pod that shares by MPS talks to its node's control daemon through pipes and shared memory. NVIDIA's device plugin
mounts both into it, the memory at /dev/shm, which a volume of the pod's own would cover (k8s-device-plugin 1b826ac
internal/plugin/mps.go, updateReponse). GKE has pods use the node's IPC instead (`hostIPC: true`:
cloud.google.com/kubernetes-engine/docs/how-to/nvidia-mps-gpus), which restricted Pod Security refuses and which lets a
pod into the memory of every other one on the node: there is no MPS on GKE here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planning.catalogue import Catalogue
from planning.catalogue.gpus import GpuKind
from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.settings.pools import GpuPool, Mig, Mps, TimeSlicing, Whole
from planning.settings.quantities import Memory

NO_SUCH_PROFILE = Rule("TU304", Severity.ERROR, "A MIG profile is one that the GPU can be cut into")
NO_MPS_ON_GKE = Rule("TU305", Severity.ERROR, "GPUs are shared in a way that restricted pods can use")
CUT_OTHERWISE = Rule("TU307", Severity.ERROR, "A MIG profile is one that the cloud cuts as it is named")

CUT_OTHERWISE_BY_GKE: Mapping[tuple[GpuKind, str], str] = {("nvidia-a100-40gb", "1g.10gb"): "1g.5gb"}
"""What GKE makes of a profile instead. It knows a profile by its name alone, and takes the number that it has on an
A100 of 80 GB: on one of 40 GB that is a profile of half the memory (GoogleCloudPlatform/container-engine-accelerators
992db81 partition_gpu/partition_gpu.go, partitionSizeToProfileID; NVIDIA's MIG user guide, A100: 19 is 1g.5gb, 15 is
1g.10gb)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`per_gpu`: how many one GPU has; `memory`: bytes of each. `whole`: a pod may have several and use them all.
    `by_mps`: it uses them through its node's control daemon."""

    per_gpu: int
    memory: Derived[int]
    whole: bool
    by_mps: bool = False


def plan_share(name: str, wanted: GpuPool, catalogue: Catalogue, *, on_gke: bool) -> Share | Finding:
    """What one share of a GPU of pool `name` is, or why its GPUs cannot be shared so. `on_gke`: GKE shares them out,
    whoever made the cluster."""
    gpu = catalogue.gpus[wanted.gpu]
    whole = f"a {gpu.kind} has {Memory(gpu.memory_bytes).readable()}"
    match wanted.sharing:
        case Whole():
            return Share(per_gpu=1, memory=Derived(gpu.memory_bytes, whole), whole=True)
        case Mps() if on_gke:
            return Finding(
                rule=NO_MPS_ON_GKE,
                at=setting(f"gpu_pools.{name}.sharing.kind"),
                what="'mps' asks pods on GKE for the IPC of their node, which the serving namespace refuses them.",
                fix="Write `time-slicing`, or `mig` where the GPU can be cut.",
            )
        case TimeSlicing(pods=pods) | Mps(pods=pods) as sharing:
            because = f"{whole} and {pods} pods share it ({sharing.kind})"
            return Share(
                per_gpu=pods,
                memory=Derived(gpu.memory_bytes // pods, because),
                whole=False,
                by_mps=isinstance(sharing, Mps),
            )
        case Mig(profile=profile) if on_gke and (made := CUT_OTHERWISE_BY_GKE.get((gpu.kind, profile))):
            others = [known.name for known in gpu.mig if (gpu.kind, known.name) not in CUT_OTHERWISE_BY_GKE]
            return Finding(
                rule=CUT_OTHERWISE,
                at=setting(f"gpu_pools.{name}.sharing.profile"),
                what=f"{profile!r} of {gpu.kind} is cut into {made} by GKE, with half the memory.",
                fix=f"Write one of: {', '.join(others)}.",
            )
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
