"""A GPU node pool as planned: what its nodes declare, and what a pod gets there (planning/planned_pools.py plans them).

Labels are those that the pool itself declares when it is made, because an autoscaler simulates a new node
from the pool's declaration: a label that only appears later keeps the pool from ever starting a node
(Cluster Autoscaler FAQ, "How does scale-up from 0 work"; Karpenter, NodePool `spec.template.metadata`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planning.catalogue.gpus import Gpu
from planning.catalogue.machines import Capacity, MachineType
from planning.derived import Derived
from planning.settings.quantities import Cpu, Memory

POOL_LABEL = "tritonup/pool"
"""Ours, declared by every pool that this program makes, with the pool's name as its value."""

GPU_RESOURCE = "nvidia.com/gpu"
"""What the device plugin advertises. With time-slicing, MPS and MIG (strategy `single`) it counts shares
(NVIDIA k8s-device-plugin README, "Shared Access to GPUs" and `migStrategy`)."""

STARTUP_TAINT = "startup-taint.cluster-autoscaler.kubernetes.io/tritonup-gpu"
"""Every Cluster Autoscaler takes a taint with this prefix for one that goes (kubernetes-sigs/cluster-autoscaler 33c3f97
pkg/utils/taints/taints.go, StartupTaintPrefix). EKS takes keys of 63 characters at most (API Taint)."""

GPU_LABEL_OF_EKS = "k8s.amazonaws.com/accelerator"
"""By this the Cluster Autoscaler knows a node of EKS for one with GPUs, and holds it for coming until one can be
allocated (kubernetes/autoscaler 55c37cd cluster-autoscaler/cloudprovider/aws/aws_cloud_provider.go, GPULabel)."""

COMPUTE_CLASS = "cloud.google.com/compute-class"
"""Label and taint of GKE nodes that belong to a ComputeClass, and what pods select it by
(cloud.google.com/kubernetes-engine/docs/concepts/about-custom-compute-classes)."""

PLUGIN_CONFIG = "nvidia.com/device-plugin.config"
"""By its value a node's device plugin chooses one of the configurations that it was given (k8s-device-plugin README,
"Updating Per-Node Configuration With a Node Label")."""

MIG_CONFIG = "nvidia.com/mig.config"
"""By its value the MIG manager of NVIDIA's GPU operator cuts a node's GPUs; `all-1g.10gb` and its like are in its
default configuration (NVIDIA/mig-parted bd7160f deployments/systemd/config-default.yaml)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTaint:
    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """How long a node warns before it is reclaimed, in seconds; `source` says who promises it, `choice` names the
    setting that chooses it, where one does."""

    seconds: int
    source: str
    choice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """`share_bytes`: GPU memory that one share gives. `slots`: shares of one node. `boot_seconds`: from an
    unschedulable pod until a new node's GPU can be used, the image's pull included. `machine` is None where
    the pool is already there. `room`: what the pods of one node can request, None where it is not known.
    `whole`: pods may have several of its GPUs; where GPUs are shared in turns or by MPS, a pod has one share. `by_mps`:
    its pods have the shared memory of their node's control daemon in place of their own.
    `startup_taint`: what nodes carry beside `taints` until all their GPUs can be allocated; no server tolerates it."""

    name: str
    gpu: Gpu
    gpus_per_node: int
    slots: int
    whole: bool
    by_mps: bool
    share_bytes: Derived[int]
    capacity: Capacity
    min_nodes: int
    max_nodes: int
    machine: Derived[MachineType] | None
    room: tuple[Cpu, Memory] | None
    labels: Mapping[str, str]
    taints: tuple[PoolTaint, ...]
    startup_taint: PoolTaint | None
    notice: Notice | None
    zones: tuple[str, ...]
    boot_seconds: Derived[int]

    @property
    def taints_at_first(self) -> tuple[PoolTaint, ...]:
        """Of a node that is new."""
        return self.taints if self.startup_taint is None else (*self.taints, self.startup_taint)

    @property
    def compute_class(self) -> str | None:
        """The ComputeClass of GKE that its nodes belong to: pods must select it to get there."""
        return self.labels.get(COMPUTE_CLASS)

    @property
    def max_slots(self) -> int:
        return self.max_nodes * self.slots

    def pods_of_a_node(self, gpus: int, cpu: Cpu, memory: Memory) -> int:
        """How many pods that ask for so much are on one node at the most."""
        places = [self.slots // gpus]
        if self.room is not None:
            places += [self.room[0].millis // cpu.millis, self.room[1].bytes // memory.bytes]
        return min(places)
