"""The Prometheus operator and its Prometheus are installed where the settings say so, on the nodes that stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planning.catalogue import CATALOGUE
from planning.images import Published, Unconfirmed
from planning.network import ADAPTER, METRICS_PORT, PROMETHEUS_PORT, OwnPods, Pods
from planning.planner import plan
from planning.prometheus import TAGS, PlannedPrometheus
from tests.unit.planning.world import (
    EKS,
    GKE,
    STACK,
    edited,
    ids,
    image_lock,
    planned,
    planned_with,
    repository,
    settings_of,
)

INSTALL = {"controllers.prometheus_operator": "install"}


def installed(changes: dict[str, Any] | None = None) -> PlannedPrometheus:
    decided = planned_with({**INSTALL, **(changes or {})})
    assert decided.prometheus is not None, decided.errors
    return decided.prometheus


def test_who_runs_an_operator_of_their_own_gets_none() -> None:
    assert planned(STACK).prometheus is None


def test_it_stands_on_the_nodes_that_are_the_clusters_own() -> None:
    for cluster in (EKS, GKE):
        assert dict(installed({"cluster": cluster}).nodes) == {"tritonup/pool": "system"}
    assert dict(installed().nodes) == {}


def test_images_are_those_of_one_release_and_of_the_prometheus_that_it_knows() -> None:
    assert {name: image.value.tag for name, image in installed().images.items()} == TAGS
    assert all(image.value.digest for image in installed().images.values())


def test_samples_may_fill_four_fifths_of_the_storage() -> None:
    for size, kept in (("10Gi", 8 * 2**30), ("20Gi", 16 * 2**30)):
        own = installed({"monitoring.prometheus": {"storage": {"kind": "node", "size": size}}})
        assert kept - 2**20 < own.kept.value.bytes <= kept


def test_what_the_settings_say_is_what_is_planned_and_says_so() -> None:
    own = installed({"monitoring.prometheus": {"replicas": 2, "retention": "48h"}})
    assert (own.replicas.value, str(own.retention.value)) == (2, "48h")
    assert "says so" in own.replicas.because
    assert "says so" in own.retention.because
    default = installed()
    assert (default.replicas.value, str(default.retention.value)) == (1, "24h")
    assert "says so" not in default.replicas.because + default.retention.because


def test_prometheus_is_asked_by_the_adapter_and_by_named_callers_alone_and_scrapes_the_servers() -> None:
    callers = [{"namespace": "grafana", "pods": {"app": "grafana"}}]
    own = installed({"monitoring.prometheus": {"callers": callers}})
    (asked,) = [one for one in own.network if one.direction == "in"]
    assert asked.peers == (Pods(namespace=None, labels=ADAPTER), Pods(namespace="grafana", labels={"app": "grafana"}))
    assert asked.ports == (("TCP", PROMETHEUS_PORT),)
    scraped, _ = [one for one in own.network if one.direction == "out"]
    assert (scraped.peers, scraped.ports) == ((Pods(namespace=own.watched),), (("TCP", METRICS_PORT),))
    assert not [one for one in own.operators_network if one.direction == "in" or OwnPods() in one.peers]


@pytest.mark.parametrize("name", TAGS)
def test_an_image_whose_digest_nobody_saw_is_not_run(name: str) -> None:
    lock = image_lock()
    (entry,) = lock.named(name)
    assert isinstance(entry, Published)
    unseen = lock.holding(replace(entry, evidence=Unconfirmed(why="a test")))
    decided = plan(settings_of(edited(INSTALL)), repository(), CATALOGUE, unseen)
    (finding,) = [each for each in decided.errors if each.rule.id == "TU701"]
    assert f"{name}:{TAGS[name]}" in finding.fix
    assert decided.prometheus is None


def test_the_servers_namespace_is_not_made_twice() -> None:
    own = settings_of(STACK).namespace
    assert "TU951" in ids(planned_with({**INSTALL, "monitoring.namespace": own}).errors)


def test_a_default_class_is_taken_where_a_cluster_has_one() -> None:
    storage = {"monitoring.prometheus": {"storage": {"kind": "volume", "size": "20Gi"}}}
    assert installed({"cluster": GKE, **storage}).settings.storage.size.bytes == 20 * 2**30
