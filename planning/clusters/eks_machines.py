"""What the nodes of a pool on EKS are made of, whoever makes them: machines, root disk, and how many pods they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.catalogue import Catalogue
from planning.catalogue.machines import MachineType
from planning.derived import Derived
from planning.pools import Pool
from planning.server import PlannedServer
from planning.settings.cluster import Eks
from planning.settings.eks import ImageByCanary
from planning.wording import counted

MAX_PODS = 110
"""Pods of a node at the most: EKS's own advice for machines of fewer than 30 vCPUs
(docs.aws.amazon.com/eks/latest/userguide/choosing-instance-type.html), kept for larger ones too."""

AGENT_PODS = 20
"""Pods of a GPU node beside those that use its GPUs: networking, storage, identity, health, device plugin, logs and
metrics, about a dozen, and room for more. Other pods are kept off by the taint. An allowance: each block of 16 that a
node could need is counted in the subnets."""

TIMES_THE_VCPUS = 4
"""How much larger than the planned machine another one of the same GPUs may be, to stand in for it."""

MOST_TYPES = 20
"""Instance types of a managed node group (API CreateNodegroup, instanceTypes)."""

ROOT_DEVICE = "/dev/xvda"
"""Of Amazon Linux images (aws/karpenter-provider-aws website, nodeclasses, `spec.blockDeviceMappings`)."""

ROOT_IOPS, ROOT_THROUGHPUT = 3000, 500
"""gp3's base rate, and four times its base throughput in MiB/s: a serving image of 11.6 GB is written while the pod
waits, and a GPU hour costs a hundred times what the throughput does
(docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html: 0.25 MiB/s for each IOPS)."""

IMAGES_GIB = 60
"""Room for images and logs on a GPU node: two serving images, for a rollout, of about 25 GiB each when unpacked, and 10
GiB for the rest. An allowance: the catalogue's reference image is 11.6 GB compressed."""
USABLE_SHARE = 0.85
"""The kubelet collects images from 85 % of the disk on and evicts pods at 90 % (kubernetes.io, "Garbage collection" and
"Node-pressure Eviction": imageGCHighThresholdPercent 85, nodefs.available 10 %)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadePool:
    """A pool with what follows from its machines alone. `driver`: the image that one node tries before the others get
    it."""

    pool: Pool
    driver: ImageByCanary | None
    machines: Derived[tuple[str, ...]]
    max_pods: Derived[int]
    root_gib: Derived[int]

    @classmethod
    def of(cls, pool: Pool, cluster: Eks, servers: Sequence[PlannedServer], catalogue: Catalogue) -> MadePool:
        machines, because = _machines(pool, cluster, catalogue)
        fewest = min(machine.max_pods for machine in machines)
        own = cluster.pools.get(pool.name)
        return cls(
            pool=pool,
            driver=own.driver if own is not None else None,
            machines=Derived(tuple(machine.name for machine in machines), because),
            max_pods=Derived(
                min(MAX_PODS, fewest, pool.slots + AGENT_PODS),
                f"{counted(pool.slots, 'pod')} can use its GPUs and {AGENT_PODS} may serve the node itself; the"
                f" kubelet's reserve is reckoned for {min(MAX_PODS, fewest)}",
            ),
            root_gib=_root(pool, servers),
        )


def _machines(pool: Pool, cluster: Eks, catalogue: Catalogue) -> tuple[tuple[MachineType, ...], str]:
    """The machines that may carry `pool`, in the order in which they are tried, and why these."""
    if pool.machine is None:
        raise ValueError(f"{pool.name} is not made by this program")
    planned = pool.machine.value
    if pool.name in cluster.machines:
        return (planned,), pool.machine.because
    like = tuple(
        machine
        for machine in catalogue.machines_with("eks", planned.gpu, planned.gpus, pool.capacity)
        if planned.vcpus <= machine.vcpus <= TIMES_THE_VCPUS * planned.vcpus
        and machine.memory_bytes >= planned.memory_bytes
    )[:MOST_TYPES]
    return like, (
        f"each carries {planned.gpus} x {planned.gpu} and at least what {planned.name} has, and no more than"
        f" {TIMES_THE_VCPUS} times its vCPUs; several sorts are more often to be had than one"
        if like[1:]
        else f"nothing else of a like size carries {planned.gpus} x {planned.gpu}"
    )


def _root(pool: Pool, servers: Sequence[PlannedServer]) -> Derived[int]:
    scratch = [
        server.storage.disk.bytes
        for server in servers
        if any(pool.name in (other.name for other in lane.lane.pools) for lane in server.lanes)
    ]
    gib = -(-max(scratch, default=0) * pool.slots // 2**30)
    needed = -(-(IMAGES_GIB + gib) // USABLE_SHARE)
    return Derived(
        int(-(-needed // 10) * 10),
        f"images and logs take {IMAGES_GIB} GiB, the models that {counted(pool.slots, 'pod')} copy {gib} GiB, and a"
        f" disk is used to {USABLE_SHARE:.0%}",
    )
