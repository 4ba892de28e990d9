"""An engine is named by all that it depends on, and pods stand only where every engine that they serve is built."""

from __future__ import annotations

from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from planning.buckets import CloudIdentity
from planning.engines.builder import PUBLISHER
from planning.engines.key import EngineKey
from planning.engines.needed import NeededEngine
from planning.engines.shapes import Input, InputShapes, arguments, profile
from planning.quota import GPU, PODS
from tests.unit.planning.world import (
    BUILDING,
    EACH,
    ENGINE,
    MIB,
    Raw,
    changed,
    edited,
    ids,
    planned,
    planned_with,
    recorded,
    repository,
    vision,
)

WITH_ENGINE: Raw = {"servers.vision.models": ["digits", ENGINE]}
WITH_EACH: Raw = {"servers.vision.models": ["digits", EACH]}
A10G: Raw = {"gpu_pools.cheap.gpu": "nvidia-a10g"}
L40S: Raw = {"gpu_pools.cheap.gpu": "nvidia-l40s"}
MIXED: Raw = {**WITH_EACH, **A10G}


def needed(changes: Raw, models: object = None) -> tuple[NeededEngine, ...]:
    return vision(planned_with({**WITH_ENGINE, **changes}, models or repository())).engines  # type: ignore[arg-type]


def names(changes: Raw, models: object = None) -> list[str]:
    return [one.key.name for one in needed(changes, models)]


def lanes_of(changes: Raw, *built: NeededEngine) -> dict[str, list[str]]:
    """The pools of each lane."""
    server = vision(planned_with(changes, recorded(*built)))
    return {lane.lane.name: [pool.name for pool in lane.lane.pools] for lane in server.lanes}


def test_pools_of_one_gpu_share_an_engine_and_others_need_their_own() -> None:
    (shared,) = needed({})
    assert shared.pools == ("steady", "cheap")
    assert shared.key.gpus == ("nvidia-l4",)
    assert [(one.key.gpus, one.pools) for one in needed(A10G)] == [
        (("nvidia-a10g",), ("cheap",)),
        (("nvidia-l4",), ("steady",)),
    ]


def test_two_generations_of_one_architecture_need_their_own_engines() -> None:
    """An engine of an A100 does not load on an A10G, though both are Ampere."""
    both: Raw = {"gpu_pools.steady.gpu": "nvidia-a100-40gb", "gpu_pools.cheap.gpu": "nvidia-a10g"}
    assert [one.key.capability for one in needed(both)] == [(8, 0), (8, 6)]


def test_two_kinds_of_one_compute_capability_share_an_engine_that_is_neithers_own() -> None:
    """Triton chooses by compute capability and cannot tell them apart."""
    (shared,) = needed(L40S)
    assert shared.key.gpus == ("nvidia-l4", "nvidia-l40s")
    assert shared.key.name not in {*names({}), *names({**L40S, "gpu_pools.steady.gpu": "nvidia-l40s"})}


def test_a_slice_of_a_gpu_needs_another_engine_than_the_whole_one() -> None:
    whole: Raw = {"gpu_pools.steady.gpu": "nvidia-a100-40gb", "gpu_pools.cheap.gpu": "nvidia-a100-40gb"}
    cut: Raw = {f"gpu_pools.{pool}.sharing": {"kind": "mig", "profile": "3g.20gb"} for pool in ("steady", "cheap")}
    (sliced,) = needed({**whole, **cut})
    assert sliced.key.gpus == ("nvidia-a100-40gb.mig-3g.20gb",)


def test_another_tensorrt_another_engine() -> None:
    assert names({"servers.vision.release": "26.07"}) != names({"servers.vision.release": "26.08"})


def test_another_source_another_engine_and_nothing_else_does() -> None:
    assert names({}, changed("digits")) != names({}) == names({}, changed("topics"))
    assert names({}) == names({"servers.vision.replicas": {"floor": 1, "ceiling": 3}})


def test_two_models_of_one_source_share_their_engine() -> None:
    one, other = needed({"servers.vision.models": ["digits", ENGINE, EACH]})
    assert {one.model, other.model} == {ENGINE, EACH}
    assert one.key == other.key


SHAPES = st.builds(
    InputShapes,
    name=st.sampled_from(("ids", "mask")),
    min=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    opt=st.tuples(st.integers(2, 3), st.integers(3, 4)),
    max=st.tuples(st.integers(3, 4), st.integers(4, 5)),
)
KEYS = st.builds(
    EngineKey,
    source=st.sampled_from(("a" * 64, "a" * 63 + "b")),
    precision=st.sampled_from(("fp32", "fp16")),
    shapes=st.lists(SHAPES, max_size=2).map(tuple),
    gpus=st.sampled_from((("nvidia-l4",), ("nvidia-l4", "nvidia-l40s"))),
    capability=st.sampled_from(((8, 6), (8, 9))),
    tensorrt=st.sampled_from(("11.1.0.106", "11.2.1.2")),
)


@given(KEYS, KEYS)
def test_equal_keys_have_one_name_and_unequal_ones_two(one: EngineKey, other: EngineKey) -> None:
    assert (one == other) == (one.name == other.name) == (one.digest == other.digest)
    assert one.name == replace(one).name


@given(KEYS)
def test_a_name_can_be_a_folder_a_label_and_a_word(key: EngineKey) -> None:
    assert len(key.name) <= 63 + len(key.tensorrt)
    assert set(key.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")


def test_every_part_of_a_key_counts() -> None:
    key = needed({})[0].key
    others = {
        "source": "0" * 64,
        "precision": "fp32",
        "shapes": (),
        "gpus": ("nvidia-t4",),
        "capability": (7, 5),
        "tensorrt": "0",
    }
    assert set(others) == {field.name for field in fields(EngineKey)}
    for part, other in others.items():
        assert replace(key, **{part: other}).name != key.name, part


def test_the_batch_alone_needs_no_shapes_to_be_stated() -> None:
    image, scale = Input(name="image", dims=(-1, 3, 8), bound=()), Input(name="scale", dims=(1,), bound=())
    shapes = profile([image, scale], {}, max_batch_size=16, preferred=[4, 8, 32])
    assert shapes == (InputShapes(name="image", min=(1, 3, 8), opt=(8, 3, 8), max=(16, 3, 8)),)
    assert arguments(shapes) == ("--minShapes=image:1x3x8", "--optShapes=image:8x3x8", "--maxShapes=image:16x3x8")
    assert profile([scale], {}, max_batch_size=0) == ()
    assert arguments(()) == ()


def test_what_a_config_fixes_of_a_free_graph_needs_not_be_stated_twice() -> None:
    ids = Input(name="ids", dims=(-1, -1), bound=(-1, 128))
    (shapes,) = profile([ids], {}, max_batch_size=8)
    assert (shapes.min, shapes.opt, shapes.max) == ((1, 128), (8, 128), (8, 128))


def test_a_model_without_its_engine_is_planned_and_not_served() -> None:
    server = vision(planned_with(WITH_ENGINE))
    assert [model.name for model in server.served.models] == ["digits"]
    assert [model.name for model in server.served.planned] == [ENGINE]
    assert server.served.digest == vision(planned_with({})).served.digest


def test_a_model_whose_engine_is_recorded_is_served_with_it_and_by_its_digest() -> None:
    (engine,) = needed({})
    plan = planned_with(WITH_ENGINE, recorded(engine))
    server = vision(plan)
    assert "TU291" not in ids(plan.findings)
    assert [model.name for model in server.served.models] == ["digits", ENGINE]
    files = {file.path.as_posix(): file for file in server.served.files}
    assert files[f"{ENGINE}/1/model.plan"].size == MIB
    assert server.served.digest != vision(planned_with(WITH_ENGINE)).served.digest
    heavier = vision(planned_with({})).needs.gpu
    assert server.needs.gpu is not None
    assert heavier is not None
    assert server.needs.gpu.value > heavier.value + MIB


def test_an_engine_that_was_recorded_for_another_key_of_the_same_name_is_not_served() -> None:
    (engine,) = needed({})
    models = recorded(engine)
    forged = {name: built.model_copy(update={"key": "0" * 64}) for name, built in models.engines.items()}
    plan = planned_with(WITH_ENGINE, replace(models, engines=forged))
    assert [model.name for model in vision(plan).served.planned] == [ENGINE]


def test_a_mixed_lane_has_every_engine_under_the_name_that_triton_looks_for() -> None:
    engines = needed(MIXED)
    server = vision(planned_with(MIXED, recorded(*engines)))
    files = {file.path.as_posix() for file in server.served.files}
    assert {f"{EACH}/1/sm86.plan", f"{EACH}/1/sm89.plan"} <= files
    (model,) = (model for model in server.served.models if model.name == EACH)
    assert model.weights_bytes == MIB  # one of the two is loaded


def test_pods_stay_off_a_pool_whose_engine_is_not_built_and_serve_on_elsewhere() -> None:
    on_a10g, on_l4 = needed(MIXED)
    assert lanes_of(MIXED, on_a10g, on_l4) == {"floor": ["steady"], "spot": ["cheap"]}
    assert lanes_of(MIXED, on_l4) == {"floor": ["steady"]}
    plan = planned_with(MIXED, recorded(on_l4))
    (warning,) = (finding for finding in plan.findings if finding.rule.id == "TU291")
    assert "stay off 'cheap'" in warning.what
    assert "nvidia-a10g" in warning.what
    assert EACH in [model.name for model in vision(plan).served.models]


def test_a_floor_is_not_moved_onto_spot_for_an_engine() -> None:
    on_a10g, _ = needed(MIXED)
    assert lanes_of(MIXED, on_a10g) == {"floor": ["steady"], "spot": ["cheap"]}
    assert [model.name for model in vision(planned_with(MIXED, recorded(on_a10g))).served.planned] == [EACH]


def test_what_to_do_about_a_missing_engine_depends_on_who_may_build() -> None:
    (without,) = (one for one in planned_with(WITH_ENGINE).findings if one.rule.id == "TU291")
    assert "model_repository.destination.engines" in without.fix
    (with_builder,) = (one for one in planned_with({**WITH_ENGINE, **BUILDING}).findings if one.rule.id == "TU291")
    assert "tritonup engines record" in with_builder.fix


def test_a_job_is_planned_for_each_missing_engine_on_the_gpus_that_need_it_and_for_no_other() -> None:
    on_a10g, on_l4 = needed(MIXED)
    builder = planned_with({**MIXED, **BUILDING}).builder
    assert builder is not None
    jobs = {job.order.name: [pool.name for pool in job.pools] for job in builder.jobs}
    assert jobs == {on_a10g.key.name: ["cheap"], on_l4.key.name: ["steady"]}
    left = planned_with({**MIXED, **BUILDING}, recorded(on_l4)).builder
    assert left is not None
    assert [job.order.name for job in left.jobs] == [on_a10g.key.name]
    assert planned_with({**MIXED, **BUILDING}, recorded(on_a10g, on_l4)).builder is None
    assert planned_with(MIXED).builder is None


def test_servers_that_need_one_engine_have_it_built_once() -> None:
    two = edited({**WITH_ENGINE, **BUILDING})
    two["servers"]["other"] = {**two["servers"]["vision"], "replicas": {"floor": 1, "ceiling": 1}}
    builder = planned(two).builder
    assert builder is not None
    assert len(builder.jobs) == 1


def test_a_build_asks_for_no_more_of_a_node_than_a_server_and_the_quota_has_room_for_it() -> None:
    plan = planned_with({**WITH_ENGINE, **BUILDING})
    assert plan.builder is not None
    (job,) = plan.builder.jobs
    cpu, memory = vision(plan).pod
    assert job.cpu.millis + PUBLISHER[0].millis <= cpu.millis
    assert job.beside.bytes + PUBLISHER[1].bytes <= memory.bytes
    without = planned_with(WITH_ENGINE).quota.most
    assert {name: most.value - without[name].value for name, most in plan.quota.most.items()} == {GPU: 1, PODS: 1}


def test_builders_reach_their_bucket_and_nobody_reaches_them() -> None:
    builder = planned_with({**WITH_ENGINE, **BUILDING}).builder
    assert builder is not None
    assert {allowance.direction for allowance in builder.network} == {"out"}
    assert builder.bucket.access == CloudIdentity(
        annotations=(("eks.amazonaws.com/role-arn", "arn:aws:iam::123456789012:role/builder"),)
    )


def test_without_keys_to_verify_by_nothing_is_built() -> None:
    plan = planned_with({**WITH_ENGINE, **BUILDING, "model_repository.signing": None})
    assert "TU123" in ids(plan.errors)
