"""Machines carry GPUs that exist, and what pods can have of them is what the clouds say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.catalogue import CATALOGUE
from planning.catalogue.gpus import GPUS
from planning.catalogue.machines import MACHINES, MachineType, allocatable

GIB = 2**30

KARPENTER_SAYS = {
    "g4dn.xlarge": (3920, 14481),
    "g5.12xlarge": (47810, 173400),
    "g6.16xlarge": (63770, 234021),
    "g6e.48xlarge": (191450, 1449132),
    "p4d.24xlarge": (95690, 1082712),
    "p5.48xlarge": (191450, 1938410),
}
"""Millicores and MiB that Karpenter computes and publishes for EKS nodes with AL2023
(aws/karpenter-provider-aws 692ccdd, reference/instance-types.md), rounded down."""

every_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda m: f"{m.name}-{m.gpu}-{m.gpus}")


def _named(name: str) -> MachineType:
    return next(machine for machine in MACHINES if machine.name == name)


def test_no_offer_stands_twice() -> None:
    offers = [(m.cloud, m.name, m.gpu, m.gpus) for m in MACHINES]
    assert len(set(offers)) == len(offers)


def test_a_name_that_implies_its_gpus_stands_once() -> None:
    fixed = [m.name for m in MACHINES if not m.attached]
    assert len(set(fixed)) == len(fixed)


def test_every_gpu_is_carried_by_some_machine() -> None:
    assert {machine.gpu for machine in MACHINES} == set(GPUS)


@every_machine
def test_it_has_the_gpus_that_its_name_counts(machine: MachineType) -> None:
    counted = re.search(r"gpu-(\d+)g$", machine.name)
    assert counted is None or int(counted[1]) == machine.gpus


@every_machine
def test_google_has_a_name_for_its_gpu_and_amazon_needs_none(machine: MachineType) -> None:
    assert bool(machine.accelerator) == (machine.cloud == "gke")


@every_machine
def test_pods_get_most_of_it_and_never_more_than_it_has(machine: MachineType) -> None:
    room = allocatable(machine)
    assert 0.9 * machine.vcpus * 1000 < room.cpu_milli < machine.vcpus * 1000
    assert 0.70 * machine.memory_bytes < room.memory_bytes < 0.93 * machine.memory_bytes


@pytest.mark.parametrize(("name", "room"), KARPENTER_SAYS.items())
def test_an_eks_node_has_the_room_that_karpenter_publishes(name: str, room: tuple[int, int]) -> None:
    ours = allocatable(_named(name))
    assert (ours.cpu_milli, ours.memory_bytes // 2**20) == room


def test_a_gke_node_has_at_least_the_room_that_is_promised() -> None:
    """The node that Google's page on node sizes prints: 4 vCPUs, 16 GiB; 3920m, 13498416Ki allocatable."""
    printed = allocatable(replace(_named("g2-standard-4"), vcpus=4, memory_bytes=16 * GIB))
    assert printed.cpu_milli == 3920
    assert 0.9 * 13498416 * 1024 < printed.memory_bytes <= 13498416 * 1024


@given(st.sampled_from(MACHINES), st.integers(1, 128), st.integers(1, 512))
def test_more_machine_is_never_less_room(machine: MachineType, vcpus: int, gib: int) -> None:
    more = replace(machine, vcpus=machine.vcpus + vcpus, memory_bytes=machine.memory_bytes + gib * GIB)
    assert allocatable(more).cpu_milli > allocatable(machine).cpu_milli
    assert allocatable(more).memory_bytes > allocatable(machine).memory_bytes


@given(st.sampled_from([m for m in MACHINES if m.cloud == "eks"]), st.integers(1, 250))
def test_more_pods_leave_less_memory_on_eks(machine: MachineType, more: int) -> None:
    few, many = allocatable(machine), allocatable(machine, max_pods=machine.max_pods + more)
    assert few.memory_bytes - many.memory_bytes == more * 11 * 2**20


@given(st.sampled_from(MACHINES), st.sampled_from(["on-demand", "spot"]))
def test_what_is_offered_is_sold_in_that_way_and_ordered_by_size(machine: MachineType, capacity: str) -> None:
    found = CATALOGUE.machines_with(machine.cloud, machine.gpu, machine.gpus, capacity)  # type: ignore[arg-type]
    assert (machine in found) == (capacity in machine.capacities)
    assert [m.vcpus for m in found] == sorted(m.vcpus for m in found)
