"""Who finds out that a GPU has failed, who acts on it, and what the plan says of it."""

from __future__ import annotations

from typing import Any

import pytest

from planning.catalogue import CATALOGUE
from planning.gpu_health import OF_EKS, OF_GKE, OURS, Sign, when_a_gpu_fails
from planning.images import ImageLock
from planning.plan import Plan
from planning.planner import plan
from planning.release import NO_REGISTRY, PROGRAMS_IMAGE
from tests.unit.planning.rule_examples import ON_EKS, ON_GKE
from tests.unit.planning.test_plan_gpu_readiness import planned, pushed
from tests.unit.planning.world import edited, ids, image_lock, repository, settings_of

DRAINED = {"gpu_pools.steady.health": {"kind": "drained"}, "images": {"registry": "registry.example/acme"}}
EXISTING_EKS = {"cluster.platform": "eks"}
EXISTING_GKE = {"cluster.platform": "gke"}


@pytest.mark.parametrize(
    ("cluster", "sign"),
    [(ON_GKE, OF_GKE), (EXISTING_GKE, OF_GKE), (ON_EKS, OF_EKS), (EXISTING_EKS, OURS), ({}, OURS)],
    ids=["gke", "existing-gke", "eks", "existing-eks", "existing"],
)
def test_the_cloud_is_believed_where_it_is_known_to_tell_and_our_agent_runs_elsewhere(
    cluster: dict[str, Any], sign: Sign
) -> None:
    decided = planned({**cluster, **DRAINED})
    assert decided.gpu_health is not None, [str(finding) for finding in decided.findings]
    assert decided.gpu_health.sign.value == sign
    assert decided.gpu_health.agent is (sign == OURS)


def test_only_pools_that_ask_for_it_are_looked_after_one_node_at_a_time() -> None:
    decided = planned({**ON_GKE, **DRAINED})
    assert decided.gpu_health is not None
    (watched,) = decided.gpu_health.pools
    (pool,) = [pool for pool in decided.pools if pool.name == "steady"]
    assert (watched.name, watched.labels, watched.at_once.value) == ("steady", pool.labels, 1)


def test_the_taint_is_none_that_an_autoscaler_takes_for_the_pools_own() -> None:
    decided = planned({**ON_GKE, **DRAINED})
    assert decided.gpu_health is not None
    prefix, _, name = decided.gpu_health.taint.partition("/")
    assert prefix == "status-taint.cluster-autoscaler.kubernetes.io"
    assert len(name) <= 63


def test_no_pool_no_program() -> None:
    assert planned(ON_GKE).gpu_health is None


@pytest.mark.parametrize(("lacking", "rule"), [("registry", NO_REGISTRY.id), ("digest", "TU701")])
def test_a_program_that_cannot_be_pulled_is_refused(lacking: str, rule: str) -> None:
    changes = {**ON_GKE, **DRAINED}
    if lacking == "registry":
        changes["images"] = {}
    without = ImageLock(images=tuple(image for image in image_lock().images if image.name != PROGRAMS_IMAGE))
    decided = plan(settings_of(edited(changes)), repository(), CATALOGUE, without if lacking == "digest" else pushed())
    assert ids(decided.errors) == [rule]
    assert decided.gpu_health is None


def said(decided: Plan, pool: str) -> str:
    happens = when_a_gpu_fails(decided.settings, pool)
    return f"{happens.value}: {happens.because}"


def test_the_plan_says_who_acts() -> None:
    assert "EKS repairs nodes of its groups: EKS's node monitoring agent" in said(planned(ON_EKS), "steady")
    buying = planned({**ON_EKS, "controllers.karpenter": "present"})
    assert "Karpenter its own where its feature gate NodeRepair is on" in said(buying, "steady")
    assert "nothing by itself: GKE's device plugin tells of it" in said(planned(ON_GKE), "steady")
    assert "somebody else's" in said(planned({}), "steady")
    drained = planned({**ON_EKS, **DRAINED})
    assert "drained within disruption budgets, 1 node at a time" in said(drained, "steady")
    assert "EKS repairs" in said(drained, "cheap")
