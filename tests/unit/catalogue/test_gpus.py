"""A GPU's entry agrees with itself and with how NVIDIA numbers its generations."""

from __future__ import annotations

from typing import get_args

import pytest

from planning.catalogue.gpus import GPUS, Architecture, Gpu, GpuKind

CAPABILITIES = {
    Architecture.VOLTA: {(7, 0), (7, 2)},
    Architecture.TURING: {(7, 5)},
    Architecture.AMPERE: {(8, 0), (8, 6), (8, 7)},
    Architecture.ADA: {(8, 9)},
    Architecture.HOPPER: {(9, 0)},
    Architecture.BLACKWELL: {(10, 0), (10, 3), (12, 0), (12, 1)},
}
"""CUDA C++ programming guide, compute capabilities of each generation."""

every_gpu = pytest.mark.parametrize("gpu", GPUS.values(), ids=lambda gpu: gpu.kind)


def test_every_architecture_has_its_capabilities_and_shares_none() -> None:
    assert set(CAPABILITIES) == set(Architecture)
    assert len({one for many in CAPABILITIES.values() for one in many}) == sum(map(len, CAPABILITIES.values()))


def test_a_kind_that_settings_accept_is_in_the_catalogue() -> None:
    assert set(get_args(GpuKind)) == set(GPUS)


@every_gpu
def test_its_compute_capability_is_one_of_its_architecture(gpu: Gpu) -> None:
    assert gpu.compute_capability in CAPABILITIES[gpu.architecture]


@every_gpu
def test_its_memory_is_a_little_less_than_its_name_says(gpu: Gpu) -> None:
    named = [int(word[:-2]) for word in gpu.kind.split("-") if word.endswith("gb")]
    for gigabytes in named:
        assert 0.95 * gigabytes * 10**9 < gpu.memory_bytes <= gigabytes * 2**30


@every_gpu
def test_its_product_can_be_the_value_of_a_label(gpu: Gpu) -> None:
    assert gpu.product.replace("-", "").isalnum()
    assert len(gpu.product) <= 63


@every_gpu
def test_its_slices_fit_into_it(gpu: Gpu) -> None:
    for profile in gpu.mig:
        compute, memory = profile.name.split("g.")
        assert profile.per_gpu * profile.memory_bytes <= gpu.memory_bytes
        assert profile.per_gpu * int(compute) <= 7
        assert profile.memory_bytes <= int(memory.removesuffix("gb")) * 2**30
    assert len({profile.name for profile in gpu.mig}) == len(gpu.mig)


@every_gpu
def test_only_generations_with_mig_are_cut(gpu: Gpu) -> None:
    if gpu.architecture in {Architecture.VOLTA, Architecture.TURING, Architecture.ADA}:
        assert gpu.mig == ()


@every_gpu
def test_a_slice_with_a_greater_name_has_no_less_memory(gpu: Gpu) -> None:
    by_name = sorted(gpu.mig, key=lambda profile: int(profile.name.split("g.")[1].removesuffix("gb")))
    assert [p.memory_bytes for p in by_name] == sorted(p.memory_bytes for p in by_name)
