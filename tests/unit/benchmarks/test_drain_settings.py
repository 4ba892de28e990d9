"""What runs is what the facts say: the peers' settings in their Deployments, ours as the planner renders it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.drain.deployments import LATEST_PROBE_S, REPOSITORY, Deployed, ours, peer, plan_ours
from benchmarks.drain.facts import PodSettings, Probe
from benchmarks.drain.model import write_repository
from benchmarks.drain.peers import PEERS
from local.cluster.layout import PROJECT
from stacks.render import rendered

by_key = pytest.mark.parametrize("settings", PEERS, ids=lambda settings: settings.key)


def deployment(deployed: Deployed) -> Any:
    (body,) = (body for body in deployed.objects if body["kind"] == "Deployment")
    return body["spec"]


def container(deployed: Deployed, name: str = "triton") -> Any:
    pod = deployment(deployed)["template"]["spec"]
    return next(one for one in [*pod["containers"], *pod.get("initContainers", [])] if one["name"] == name)


@by_key
def test_every_fact_has_a_source_that_can_be_found_again(settings: PodSettings) -> None:
    assert settings.sources
    for source in settings.sources:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", source.repository)
        assert re.fullmatch(r"[0-9a-f]{40}", source.commit)
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", source.date)


@by_key
def test_a_peers_deployment_says_what_its_facts_say(settings: PodSettings) -> None:
    made = peer(settings, image="image", models=Path("/models"))
    spec, pod, triton = deployment(made), deployment(made)["template"]["spec"], container(made)
    assert pod["terminationGracePeriodSeconds"] == settings.grace_s.value
    assert ("lifecycle" in triton) == bool(settings.pre_stop_s.value)
    assert f"--exit-timeout-secs={settings.exit_timeout_s.value}" in triton["args"]
    assert any("--grpc-max-connection-age" in flag for flag in triton["args"]) == bool(settings.grpc_age_ms.value)
    assert spec["strategy"]["rollingUpdate"] == {
        "maxSurge": settings.max_surge.value,
        "maxUnavailable": settings.max_unavailable.value,
    }
    assert spec["minReadySeconds"] == settings.min_ready_s.value
    assert any(body["kind"] == "PodDisruptionBudget" for body in made.objects) == (settings.budget.value is not None)
    for name, fact in (
        ("readinessProbe", settings.readiness),
        ("livenessProbe", settings.liveness),
        ("startupProbe", settings.startup),
    ):
        assert (name in triton) == (fact.value is not None)
        if isinstance(fact.value, Probe):
            assert triton[name]["periodSeconds"] == fact.value.period_s
            assert triton[name]["timeoutSeconds"] == fact.value.timeout_s
            assert triton[name]["failureThreshold"] == fact.value.failures
            assert triton[name]["initialDelaySeconds"] == min(fact.value.initial_delay_s, LATEST_PROBE_S)
            assert triton[name].get("httpGet", {}).get("path") == fact.value.path


def test_ours_is_what_the_planner_renders_and_has_the_same_limits_as_peers() -> None:
    write_repository(PROJECT / REPOSITORY)
    plan = plan_ours()
    made = ours(plan)
    assert made.objects == [manifest.body for manifest in rendered(plan, "drain")]
    drain = plan.servers[0].drain
    assert made.settings.grace_s.value == drain.grace.value
    assert made.settings.pre_stop_s.value == drain.pre_stop.value
    assert made.settings.exit_timeout_s.value == drain.exit_timeout.value
    assert made.settings.grpc_age_ms.value == 1000 * drain.connection_age.value
    assert container(made, "proxy")["restartPolicy"] == "Always"
    theirs = container(peer(PEERS[0], image="image", models=Path("/models")))["resources"]["limits"]
    limits = container(made)["resources"]["limits"]
    assert {name: limits[name] for name in theirs} == theirs
