"""What does not fit into memory is refused before a GPU is paid for."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from planning.catalogue.gpus import GPUS
from planning.memory.gpu import CUDA_CONTEXT, CUDA_POOL
from planning.settings.quantities import Memory
from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import CODE, Raw, heavier, ids, planned, planned_with, vision

GIB = 2**30
L4 = GPUS["nvidia-l4"].memory_bytes


@for_every_stack
def test_a_server_that_needs_more_than_a_share_of_a_pool_is_refused_and_no_other(raw: Raw) -> None:
    made = planned(raw)
    for server in made.servers:
        named = raw["servers"][server.name]["gpu"].get("pools", [])
        too_small = [
            pool.name
            for pool in made.pools
            if pool.name in named and server.needs.gpu and server.needs.gpu.on(pool).most > pool.share_bytes.value
        ]
        places = {f"servers.{server.name}.gpu.memory", f"servers.{server.name}.gpu.pools"}
        refused = [finding for finding in made.errors if finding.rule.id == "TU401" and finding.at.field in places]
        assert len(refused) == len(too_small)
        assert all(any(repr(pool) in finding.what for finding in refused) for pool in too_small)


@for_every_stack
def test_shares_of_a_gpu_are_never_more_than_the_gpu(raw: Raw) -> None:
    for pool in planned(raw).pools:
        assert pool.share_bytes.value * (pool.slots // pool.gpus_per_node) <= pool.gpu.memory_bytes


@given(size=st.integers(0, 2**40))
def test_heavier_weights_need_no_less_memory_and_all_of_them_are_counted(size: int) -> None:
    light, heavy = (vision(planned_with({}, heavier("digits", each))).needs for each in (size, size + GIB))
    assert light.gpu is not None
    assert heavy.gpu is not None
    assert heavy.gpu.value - light.gpu.value >= GIB
    assert heavy.host.value - light.host.value >= GIB
    assert light.gpu.value >= CUDA_CONTEXT + CUDA_POOL + size


@given(measured=st.integers(1, 80 * 1024))
def test_a_measured_need_replaces_the_estimate_and_is_refused_from_the_first_byte_too_many(measured: int) -> None:
    made = planned_with({"servers.vision.gpu.memory": f"{measured}Mi"})
    refused = [finding.at.field for finding in made.errors if finding.rule.id == "TU401"]
    assert refused == (["servers.vision.gpu.memory"] * 2 if measured * 2**20 > L4 else [])


@given(size=st.integers(0, 64 * GIB))
def test_the_memory_that_a_refusal_asks_for_is_enough_and_a_mebibyte_less_is_not(size: int) -> None:
    models = heavier("digits", size)
    room = {"cluster.pools.steady.memory": "900Gi", "cluster.pools.cheap.memory": "900Gi"}

    def refused(memory: str) -> str | None:
        made = planned_with({**room, "servers.vision.resources.memory": memory}, models)
        return next((finding.fix for finding in made.errors if finding.rule.id == "TU402"), None)

    fix = refused("1Mi")
    assert fix is not None
    enough = re.match(r"Write (\S+) or more", fix)
    assert enough
    least = Memory.parse(enough[1])
    assert refused(str(least)) is None
    assert refused(str(Memory(least.bytes - 2**20))) is not None


def test_python_models_need_shared_memory_and_an_interpreter_each() -> None:
    without, with_code = (
        vision(planned_with({"servers.vision.models": models})).needs for models in (["digits"], ["digits", CODE])
    )
    assert with_code.host.value > without.host.value
    assert not [part for part in without.host.parts if part.name == "/dev/shm"]
    stated = vision(planned_with({"servers.vision.resources.shared_memory": "1Gi"})).needs
    assert stated.shared.value == GIB
    assert [part.size for part in stated.host.parts if part.name == "/dev/shm"] == [GIB]


def test_shared_memory_that_is_not_inside_of_the_memory_is_refused() -> None:
    made = planned_with({"servers.vision.resources.shared_memory": "8Gi"})
    assert ids(made.findings) == ["TU402"]


def test_a_python_model_and_an_ensemble_take_no_gpu_memory() -> None:
    for models in (["tokens"], ["tokens", "sentences"]):
        needs = vision(planned_with({"servers.vision.models": models})).needs.gpu
        assert needs is not None
        assert ("tokens" in needs.because, "sentences" in needs.because) == (False, False)
