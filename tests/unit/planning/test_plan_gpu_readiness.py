"""Which nodes carry a start-up taint, who tolerates it, and the program that takes it off."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from planning.catalogue import CATALOGUE
from planning.clusters.eks import PlannedEks
from planning.clusters.gke import PlannedGke
from planning.images import Built, Confirmed, ImageLock, RegistryAnswer
from planning.images import image_lock as committed_lock
from planning.plan import Plan
from planning.planner import plan
from planning.pools import STARTUP_TAINT
from planning.release import NO_REGISTRY, PROGRAMS_IMAGE, PROGRAMS_TAG
from tests.unit.planning.rule_examples import ON_EKS, ON_GKE
from tests.unit.planning.world import edited, ids, image_lock, repository, settings_of

TAINTED = {"gpu_pools.steady.startup_taint": True, "images": {"registry": "registry.example/acme"}}
SHARED = {"gpu_pools.steady.sharing": {"kind": "time-slicing", "pods": 2}, "servers.vision.resources.memory": "2Gi"}


def pushed() -> ImageLock:
    seen = RegistryAnswer(url="https://registry.example/v2/tritonup-programs", on=date(2026, 11, 27))
    return image_lock().holding(
        Built(
            name=PROGRAMS_IMAGE,
            repository=PROGRAMS_IMAGE,
            tag=PROGRAMS_TAG,
            platforms=("linux/amd64",),
            evidence=Confirmed(digest=f"sha256:{'5' * 64}", kind="manifest", platforms={}, seen=(seen,)),
        )
    )


def planned(changes: dict[str, Any], lock: ImageLock | None = None) -> Plan:
    return plan(settings_of(edited(changes)), repository(), CATALOGUE, lock or pushed())


@pytest.mark.parametrize("cluster", [ON_GKE, ON_EKS], ids=["gke", "eks"])
def test_new_nodes_of_the_pool_carry_the_taint_and_others_do_not(cluster: dict[str, Any]) -> None:
    decided = planned({**cluster, **TAINTED})
    made = decided.made
    assert isinstance(made, PlannedGke | PlannedEks), [str(finding) for finding in decided.findings]
    pools = made.pools if isinstance(made, PlannedGke) else made.groups
    carried = {pool.name: [taint.key for taint in pool.taints].count(STARTUP_TAINT) for pool in pools}
    assert carried == {"steady": 1, "cheap": 0}


def test_the_program_waits_for_all_that_a_node_is_planned_to_share_out() -> None:
    decided = planned({**ON_GKE, **TAINTED, **SHARED})
    assert decided.gpu_readiness is not None
    (awaited,) = decided.gpu_readiness.pools
    (pool,) = [pool for pool in decided.pools if pool.name == "steady"]
    assert (awaited.name, awaited.gpus.value, awaited.labels) == ("steady", pool.slots, pool.labels)
    assert pool.slots == 2
    assert decided.gpu_readiness.taint == STARTUP_TAINT


def test_no_server_tolerates_the_taint_and_the_device_plugin_does() -> None:
    decided = planned({**ON_EKS, **TAINTED, "controllers.nvidia_device_plugin": "install"}, _with_plugin(pushed()))
    (pool,) = [pool for pool in decided.pools if pool.name == "steady"]
    assert STARTUP_TAINT not in {taint.key for taint in pool.taints}
    plugins = {plugin.pool: {taint.key for taint in plugin.taints} for plugin in decided.device_plugins}
    assert STARTUP_TAINT in plugins["steady"]
    assert STARTUP_TAINT not in plugins["cheap"]


def _with_plugin(lock: ImageLock) -> ImageLock:
    return lock.holding(committed_lock().named("device-plugin")[0])


def test_karpenters_nodes_have_none() -> None:
    assert ids(planned({**ON_EKS, **TAINTED, "controllers.karpenter": "present"}).errors) == ["TU907"]


def test_no_taint_no_program() -> None:
    decided = planned(ON_GKE)
    assert decided.gpu_readiness is None
    assert all(pool.startup_taint is None for pool in decided.pools)


@pytest.mark.parametrize(("lacking", "rule"), [("registry", NO_REGISTRY.id), ("digest", "TU701")])
def test_a_taint_that_nobody_would_take_off_is_refused(lacking: str, rule: str) -> None:
    changes = {**ON_GKE, **TAINTED}
    if lacking == "registry":
        changes["images"] = {}
    without = ImageLock(images=tuple(image for image in image_lock().images if image.name != PROGRAMS_IMAGE))
    decided = planned(changes, without if lacking == "digest" else None)
    assert ids(decided.errors) == [rule]
    assert decided.gpu_readiness is None


def test_on_an_existing_cluster_the_program_is_there_for_a_taint_that_the_pool_brings() -> None:
    decided = planned(TAINTED)
    assert not decided.errors
    assert decided.gpu_readiness is not None
    assert decided.made is None
    # Whoever is confirmed later is another image.
    again = planned({**TAINTED, "images": {"registry": "other.example"}})
    assert again.gpu_readiness is not None
    assert again.gpu_readiness == replace(decided.gpu_readiness, image=again.gpu_readiness.image)
