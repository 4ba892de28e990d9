"""What the report says of a plan, however it is shown."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given

from cli.report.data import document_data
from cli.report.document import Paragraph, Timeline
from cli.report.sections import refused_document
from planning.draining import DETECTION_LAG_S
from planning.findings import Finding, Place, Rule, Severity
from planning.nodes import plan_nodes
from tests.unit.planning.drawn_stacks import healthy_stacks, stacks
from tests.unit.planning.world import EKS, GKE, GONE, Raw, edited, planned, planned_with
from tests.unit.report.reports import ROOT, document_of, facts_of, section, sections_of


@given(stacks())
def test_every_plan_can_be_reported(raw: Raw) -> None:
    plan = planned(raw)
    document = document_of(plan)
    assert [part.key for part in section(document, "servers").sections] == [server.name for server in plan.servers]
    assert [part.key for part in section(document, "pools").sections] == [pool.name for pool in plan.pools]


@given(stacks())
def test_every_value_has_a_reason(raw: Raw) -> None:
    assert [fact.label or fact.key for fact in facts_of(document_of(planned(raw))) if not fact.because.strip()] == []


@given(healthy_stacks())
def test_nodes_at_rest_hold_the_pods_that_always_run(raw: Raw) -> None:
    plan = planned(raw)
    nodes = plan_nodes(plan.pools, plan.servers)
    for name, pool in ((pool.name, pool) for pool in plan.pools):
        assert pool.min_nodes <= nodes[name].at_rest.value <= pool.max_nodes
    alone = [pool for pool in plan.pools if all(len(lane.lane.pools) == 1 for s in plan.servers for lane in s.lanes)]
    for pool in alone:
        shares = sum(
            lane.lane.minimum.value * server.gpus
            for server in plan.servers
            for lane in server.lanes
            if lane.lane.pools == (pool,)
        )
        assert nodes[pool.name].at_rest.value * pool.slots >= shares


def test_a_minimum_of_nodes_does_not_hide_the_nodes_that_the_floor_needs() -> None:
    plan = planned_with({"gpu_pools.steady.nodes": {"min": 1, "max": 4}})
    assert plan_nodes(plan.pools, plan.servers)["steady"].at_rest.value == 2  # two pods, one share a node
    plan = planned_with({"gpu_pools.steady.nodes": {"min": 3, "max": 4}})
    assert plan_nodes(plan.pools, plan.servers)["steady"].at_rest.value == 3


def test_a_lane_that_outgrows_its_first_pool_is_counted_on_the_next() -> None:
    changes = {
        "gpu_pools.more": {"gpu": "nvidia-l4", "capacity": "on-demand", "nodes": {"max": 4}},
        "gpu_pools.steady.nodes": {"max": 1},
        "cluster.pools.more": {"labels": {"pool": "more"}},
        "servers.vision.gpu.pools": ["steady", "more", "cheap"],
        "servers.vision.replicas": {"floor": 3, "ceiling": 5},
    }
    plan = planned_with(changes)
    nodes = plan_nodes(plan.pools, plan.servers)
    assert (nodes["steady"].at_rest.value, nodes["more"].at_rest.value) == (1, 2)


def test_cost_at_rest_is_that_of_the_nodes_at_rest() -> None:
    plan = planned_with({"cluster": GKE, "servers.vision.replicas": {"floor": 3, "ceiling": 5}})
    (steady, _) = plan.cost
    assert steady.price is not None
    assert steady.at_rest == steady.price.usd_per_hour * 3
    assert steady.at_most == steady.price.usd_per_hour * 4


UNPRICED = EKS | {"region": "eu-central-1", "zones": ["eu-central-1a", "eu-central-1b"]}
"""The catalogue has prices of EC2 in us-east-1 alone."""


def test_an_unknown_price_is_unknown_and_never_nothing() -> None:
    document = document_of(planned_with({"cluster": UNPRICED}))
    summary = section(document, "summary")
    said = " ".join(block.text for block in summary.blocks if isinstance(block, Paragraph))
    assert "Price unknown: steady in eu-central-1 (2 to 4 nodes) and cheap in eu-central-1" in said
    data = document_data(document)
    assert _at(data, "summary", "known_cost_at_rest_usd", "value") is None
    assert _at(data, "summary", "unpriced_pools", "value") == ["steady", "cheap"]
    assert _at(data, "pools", "steady", "price_of_a_node_hour_usd", "value") is None
    assert _at(data, "pools", "steady", "cost_at_most_usd", "value") is None


def test_known_prices_are_summed_without_the_unknown_ones_and_say_so() -> None:
    document = document_of(planned_with({"cluster": EKS}))  # no price of EC2 spot capacity is known
    summary = section(document, "summary")
    rest = next(fact for fact in facts_of(document) if fact.key == "known_cost_at_rest")
    assert rest.because == "steady alone"
    (steady, _) = planned_with({"cluster": EKS}).cost
    assert steady.at_rest is not None
    assert rest.value.data == {
        "per_hour": float(steady.at_rest),
        "per_month": int((steady.at_rest * 730).quantize(Decimal(1))),
    }
    assert any("Price unknown: cheap" in block.text for block in summary.blocks if isinstance(block, Paragraph))


@given(healthy_stacks())
def test_the_timeline_of_leaving_has_no_gap_and_ends_before_every_node_does(raw: Raw) -> None:
    plan = planned(raw)
    document = document_of(plan)
    for server in plan.servers:
        blocks = section(document, "servers", server.name, "leaving").blocks
        timeline = next(block for block in blocks if isinstance(block, Timeline))
        assert timeline.steps[0].start == 0
        assert all(before.end == after.start for before, after in pairwise(timeline.steps))
        kill, *reclaims = timeline.limits
        assert timeline.steps[-1].end == kill.at
        reclaimed = {p.name for lane in server.lanes for p in lane.lane.pools if p.notice is not None}
        assert kill.at == server.drain.grace.value + (DETECTION_LAG_S if reclaimed else 0)
        assert len(reclaims) == len(reclaimed)
        assert all(kill.at <= reclaim.at for reclaim in reclaims)


def test_a_server_that_could_not_be_planned_is_named_and_the_others_are_explained() -> None:
    other = edited({})["servers"]["vision"]
    plan = planned_with({"servers.broken": {**other, "models": ["nothing"]}})
    document = document_of(plan)
    assert document.verdict == "error"
    paragraphs = [block.text for part in sections_of(document) for block in part.blocks if isinstance(block, Paragraph)]
    assert "Not planned, because of errors: broken." in paragraphs
    assert [part.key for part in section(document, "servers").sections] == ["vision"]


def test_lanes_share_a_fact_only_where_it_is_the_same() -> None:
    facts = [fact for fact in facts_of(document_of(planned_with({}))) if fact.key in ("pods", "spread_over_nodes")]
    lanes = {(fact.key, fact.lanes) for fact in facts if fact.lanes}
    assert lanes == {("pods", ("floor",)), ("pods", ("spot",)), ("spread_over_nodes", ("floor", "spot"))}


def test_what_is_planned_and_not_served_names_the_engine_that_it_waits_for() -> None:
    document = document_of(planned_with({"servers.vision.models": ["digits", "digits_trt"]}))
    serves = _at(document_data(document), "servers", "vision", "serves")
    assert serves["not_served"] == [
        {"model": "digits_trt", "because": "its engine is not built from digits/1/model.onnx yet"}
    ]
    (engine,) = serves["engines"]
    assert (engine["model"], engine["pools"], engine["state"]) == ("digits_trt", ["steady", "cheap"], "not built")
    assert "-sm89-trt11.2.1.2-" in engine["engine"]
    assert engine["source"] == "digits/1/model.onnx"


def test_an_ensemble_brings_its_steps_and_says_whose_they_are() -> None:
    document = document_of(planned_with({"servers.vision.models": ["sentences"]}))
    serves = _at(document_data(document), "servers", "vision", "serves")
    why = {row["model"]: row["because"] for row in serves["models"]}
    assert why == {
        "tokens": "a step of 1 ensemble",
        "topics": "a step of 1 ensemble",
        "sentences": "the stack file names it",
    }
    assert serves["ensembles"] == [{"ensemble": "sentences", "steps": ["tokens", "topics"]}]


def test_a_stack_without_gpus_costs_nothing_and_has_no_pool() -> None:
    changes = {
        "cluster": {"kind": "local"},
        "gpu_pools": {},
        "controllers": {},
        "monitoring": {"kind": "none"},
        "servers.vision.gpu": {"kind": "none"},
        "servers.vision.release": "24.10",
        "servers.vision.replicas": {"floor": 1, "ceiling": 1},
        "model_repository.destination": {"kind": "node-path", "path": "/models"},
        "security": GONE,
    }
    document = document_of(planned_with(changes))
    data = document_data(document)
    assert data["pools"] == {}
    assert _at(data, "summary", "known_cost_at_rest_usd", "value") == {"per_hour": 0.0, "per_month": 0}
    assert "gpu_memory" not in _at(data, "servers", "vision", "memory")


@pytest.mark.parametrize("place", ["file", "what", "fix"])
def test_a_report_reads_alike_wherever_the_project_lies(place: str) -> None:
    inside = f"{ROOT}/models/digits/config.pbtxt"
    said = {"file": "", "what": "It is wrong.", "fix": "Mend it."} | {place: inside}
    broken = Finding(
        rule=Rule("TU999", Severity.ERROR, "It is right"),
        at=Place(file=said["file"], field="name"),
        what=said["what"],
        fix=said["fix"],
    )
    data = document_data(refused_document("prod", [broken], ROOT))
    assert str(ROOT) not in str(data)
    assert "models/digits/config.pbtxt" in str(data)


def _at(data: object, *path: str):
    for key in path:
        assert isinstance(data, dict), path
        data = data[key]
    return data
