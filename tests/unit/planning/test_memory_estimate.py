"""More is never planned as less, and what is planned is what an allocator of that kind really does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from planning.memory.arena import Arena, Taken, block_bytes, kept
from planning.memory.buffers import Give, Run, Take, run_of, weights_of
from planning.memory.gpu import CUDA_CONTEXT, CUDA_POOL, gpu_memory
from planning.memory.growth import TENSORRT_LLM_SHARE, VLLM_SHARE, Of, growths
from planning.memory.models import host_parts, instances
from planning.memory.parts import Estimate, Part
from planning.memory.requests import ASSUMED_SIZE, dims
from planning.repository.graph import Graph, read_graph
from planning.repository.model import Model
from planning.repository.pbtxt import parse_config
from planning.repository.vllm_engine import EngineArguments
from planning.settings.servers import NvidiaGpu
from tests.unit.planning.world import heavier, planned_with, repository, vision

MIB = 2**20


def chain(*operators: str, width: int = 64, weight: bool = False) -> Graph:
    """`operators` one after the other over a batch of `width` FP32; with `weight`, each has a second operand."""
    nodes = [
        helper.make_node(one, [f"t{at}" if at else "X", *(["w"] if weight else [])], [f"t{at + 1}"])
        for at, one in enumerate(operators)
    ]
    nodes.append(helper.make_node("Identity", [f"t{len(operators)}"], ["Y"]))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor("w", TensorProto.FLOAT, [width, width], [0.0] * width**2)] if weight else [],
    )
    read = read_graph(helper.make_model(graph, ir_version=8).SerializeToString())
    assert isinstance(read, Graph)
    return read


@given(
    st.integers(1, 64), st.integers(1, 64), st.sampled_from([("Softmax", "Relu", "Softmax"), ("Relu",), ("MatMul",)])
)
def test_a_greater_batch_never_keeps_less(one: int, more: int, operators: tuple[str, ...]) -> None:
    graph = chain(*operators, weight="MatMul" in operators)
    small, large = (run_of(graph.skeleton, {"X": (size, 64)}) for size in (one, one + more))
    assert small.peak < large.peak
    assert kept(small).touched <= kept(large).touched
    assert kept(small).taken <= kept(large).taken


@given(st.integers(1, 512))
def test_a_run_keeps_at_least_what_it_uses_at_once_and_no_more_than_it_ever_took_twice(batch: int) -> None:
    run = run_of(chain("Softmax", "Softmax", "Relu", "Softmax").skeleton, {"X": (batch, 64)})
    arena = kept(run)
    assert arena.touched >= run.peak
    assert block_bytes(run) <= sum(run.sizes) + 256 * len(run.sizes)
    assert arena.touched <= arena.taken


def test_element_wise_operators_write_into_their_operand_and_softmax_does_not() -> None:
    """At a batch of 1 a tensor of 64 has 256 bytes."""
    assert run_of(chain("Softmax", "Relu", "Relu").skeleton, {"X": (1, 64)}).peak == 256
    assert run_of(chain("Softmax", "Softmax", "Softmax").skeleton, {"X": (1, 64)}).peak == 512


def test_the_input_is_the_callers_and_is_not_written_into() -> None:
    run = run_of(chain("Relu").skeleton, {"X": (1, 64)})
    assert run.sizes == (256,)


def test_a_tensor_whose_size_nobody_knows_is_said_to_be_unknown() -> None:
    graph = helper.make_graph(
        [helper.make_node("NonZero", ["X"], ["Y"])],
        "open",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["batch"])],
        [helper.make_tensor_value_info("Y", TensorProto.INT64, [1, "found"])],
    )
    read = read_graph(helper.make_model(graph, ir_version=8).SerializeToString())
    assert isinstance(read, Graph)
    assert run_of(read.skeleton, {"X": (4,)}).unknown == 1


def test_weights_are_counted_although_their_values_are_gone() -> None:
    graph = chain("MatMul", width=1024, weight=True)
    assert len(graph.skeleton) < 4096
    assert [(weight.size, weight.packed_as) for weight in weights_of(graph.skeleton)] == [(4 * MIB, "matrix")]


@given(st.lists(st.integers(1, 4 * MIB), min_size=1, max_size=30), st.data())
def test_the_arena_never_gives_a_byte_twice_and_takes_nothing_for_what_came_back(
    sizes: list[int], data: st.DataObject
) -> None:
    arena = Arena()
    taken: list[Taken] = []
    spans: list[tuple[int, int, int]] = []
    for size in sizes:
        region, chunk = arena.take(size)
        for other, start, stop in spans:
            assert other != region or chunk.start >= stop or chunk.start + chunk.size <= start
        spans.append((region, chunk.start, chunk.start + chunk.size))
        taken.append((region, chunk))
    before = arena.taken
    for one in data.draw(st.permutations(taken)):
        arena.give(one)
    for size in sorted(sizes, reverse=True)[:1]:
        arena.take(size)
    assert arena.taken == before


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
def test_buffers_that_live_at_the_same_time_do_not_overlap_in_the_block(sizes: list[int]) -> None:
    steps = (*map(Take, range(len(sizes))), *map(Give, range(len(sizes))))
    run = Run(steps=steps, sizes=tuple(sizes), results=frozenset(), unknown=0)
    assert block_bytes(run) == sum(-(-size // 256) * 256 for size in sizes)


def changed(model: Model, more: str) -> Model:
    config = parse_config(model.config_text + more)
    return replace(model, config=config, max_batch_size=config.max_batch_size or model.max_batch_size)


@given(st.integers(1, 16), st.integers(1, 16))
def test_more_instances_never_need_less(one: int, more: int) -> None:
    model = repository().models["digits"]
    few, many = (
        changed(model, f"instance_group [ {{ count: {count} kind: KIND_CPU }} ]") for count in (one, one + more)
    )
    assert instances(many, with_gpu=False) == one + more
    of_few, of_many = (sum(part.size for part in host_parts(each)) for each in (few, many))
    assert of_few * (one + more) == of_many * one


@pytest.mark.parametrize(
    ("backend", "groups", "on_processor", "with_gpu"),
    [
        ("onnxruntime", "", 2, 1),
        ("onnxruntime", "instance_group [ { } ]", 2, 1),
        ("onnxruntime", "instance_group [ { kind: KIND_AUTO } ]", 2, 1),
        ("onnxruntime", "instance_group [ { kind: KIND_CPU } ]", 2, 2),
        ("onnxruntime", "instance_group [ { kind: KIND_CPU }, { count: 3 } ]", 5, 5),
        ("onnxruntime", "instance_group [ { count: 1 } ]", 1, 1),
        ("onnxruntime", "instance_group [ { kind: KIND_GPU } ]", 1, 1),
        ("python", "", 1, 1),
        ("openvino", "instance_group [ { kind: KIND_CPU } ]", 1, 1),
        ("ensemble", "", 0, 0),
    ],
)
def test_a_group_that_states_no_count_is_reckoned_with_as_many_instances_as_triton_makes(
    backend: str, groups: str, on_processor: int, with_gpu: int
) -> None:
    model = replace(repository().models["digits"], backend=backend, config=parse_config(groups))
    assert (instances(model, with_gpu=False), instances(model, with_gpu=True)) == (on_processor, with_gpu)


@given(st.integers(0, 2**36))
def test_what_may_be_needed_is_never_less_than_what_is_expected(size: int) -> None:
    needs = vision(planned_with({}, heavier("digits", size))).needs
    assert needs.host.most >= needs.host.value >= size
    assert needs.gpu is not None
    assert needs.gpu.fixed.most >= needs.gpu.fixed.value >= size


def test_every_part_has_a_name_of_its_own_and_a_source() -> None:
    needs = vision(planned_with({})).needs
    assert needs.gpu is not None
    for estimate in (needs.host, needs.gpu.fixed):
        assert len({part.name for part in estimate.parts}) == len(estimate.parts)
        assert all(part.source and part.error >= 0 for part in estimate.parts)


def test_errors_add_up_as_independent_ones() -> None:
    parts = (Part(name="a", size=10, error=3, source="s"), Part(name="b", size=20, error=4, source="s"))
    assert (Estimate(parts=parts).value, Estimate(parts=parts).error, Estimate(parts=parts).most) == (30, 5, 35)


def test_what_loading_takes_is_there_before_the_first_request_and_not_beside_it() -> None:
    weights = Part(name="weights", size=100, error=0, source="s")
    asked = Part(name="activations", size=40, error=0, source="s", asked=True)
    assert [Estimate(parts=(weights, asked), loading=size).most for size in (0, 40, 41)] == [140, 140, 141]


def test_an_open_size_is_the_greatest_of_the_warm_up_or_else_assumed() -> None:
    model = repository().models["digits"]
    free = replace(model, inputs=tuple(replace(tensor, dims=(-1,)) for tensor in model.inputs), max_batch_size=8)
    name = free.inputs[0].name
    assert dims(free, free.inputs[0]) == (8, ASSUMED_SIZE)
    given_dims = "".join(
        f'model_warmup {{ name: "{size}" inputs {{ key: "{name}" value {{ data_type: TYPE_FP32 dims: {size} }} }} }}\n'
        for size in (16, 256, 32)
    )
    assert dims(changed(free, given_dims), free.inputs[0]) == (8, 256)


def language_model(backend: str, arguments: EngineArguments | None = None, more: str = "") -> Model:
    model = changed(repository().models["digits"], more)
    served = tuple(replace(version, engine_arguments=arguments) for version in model.served)
    return replace(model, backend=backend, served=served)


@pytest.mark.parametrize(
    ("model", "share", "of"),
    [
        (language_model("vllm", EngineArguments()), VLLM_SHARE, Of.DEVICE),
        (language_model("vllm", EngineArguments(gpu_share=0.5)), 0.5, Of.DEVICE),
        (language_model("tensorrtllm"), TENSORRT_LLM_SHARE, Of.REST),
        (
            language_model(
                "tensorrtllm",
                more='parameters { key: "kv_cache_free_gpu_mem_fraction" value { string_value: "0.25" } }',
            ),
            0.25,
            Of.REST,
        ),
    ],
)
def test_a_language_model_takes_the_share_that_it_states_or_its_backends_own(
    model: Model, share: float, of: Of
) -> None:
    (growth,) = growths([model])
    assert (growth.share, growth.of) == (share, of)


def test_a_language_model_sees_the_whole_of_a_gpu_that_it_has_a_turn_of() -> None:
    model = language_model("vllm", EngineArguments(gpu_share=0.5))
    need = gpu_memory(NvidiaGpu(kind="nvidia", pools=["steady"]), [model])
    alone, in_turns = (
        planned_with({"gpu_pools.steady.sharing": sharing}).pools[0]
        for sharing in ({"kind": "whole"}, {"kind": "time-slicing", "pods": 2})
    )
    assert alone.name == in_turns.name == "steady"
    for pool in (alone, in_turns):
        assert need.on(pool).value == CUDA_CONTEXT + CUDA_POOL + pool.gpu.memory_bytes // 2
    assert need.on(alone).most <= alone.share_bytes.value
    assert need.on(in_turns).most > in_turns.share_bytes.value


def test_what_tensorrt_llm_takes_of_the_rest_fits_beside_the_rest() -> None:
    need = gpu_memory(NvidiaGpu(kind="nvidia", pools=["steady"]), [language_model("tensorrtllm")])
    pool = planned_with({}).pools[0]
    assert need.fixed.value < need.on(pool).value < pool.share_bytes.value
