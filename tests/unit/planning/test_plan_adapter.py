"""prometheus-adapter is installed where the settings say so, and asks one Prometheus whose address is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planning.catalogue import CATALOGUE
from planning.images import Published, Unconfirmed
from planning.network import Network, Peer, Pods
from planning.planner import plan
from planning.prometheus_adapter import IMAGE, TAG, PlannedAdapter
from tests.unit.planning.world import EKS, STACK, edited, image_lock, planned, planned_with, repository, settings_of

INSTALL = {"controllers.prometheus_adapter": "install", "controllers.prometheus_operator": "install"}
THEIRS = {"controllers.prometheus_adapter": "install"}


def installed(changes: dict[str, Any]) -> PlannedAdapter:
    decided = planned_with(changes)
    assert decided.adapter is not None, decided.errors
    return decided.adapter


def test_who_runs_an_adapter_of_their_own_gets_none() -> None:
    assert planned(STACK).adapter is None


@pytest.mark.parametrize(("interval", "relist"), [("5s", "30s"), ("15s", "30s"), ("40s", "80s")])
def test_series_are_looked_for_no_oftener_than_they_are_scraped_and_outlive_a_look(interval: str, relist: str) -> None:
    own = installed({**INSTALL, "monitoring.interval": interval})
    assert str(own.relist.value) == relist
    # Or the adapter refuses to start (cmd/adapter/adapter.go, `makeProvider`).
    assert own.age.value.seconds >= 2 * own.relist.value.seconds


@pytest.mark.parametrize(
    ("url", "peer", "ports"),
    [
        ("http://prometheus-operated.watch.svc:9090", Pods(namespace="watch"), {9090}),
        ("http://thanos.watch.svc.cluster.local", Pods(namespace="watch"), {80, 9090}),
        ("https://metrics.example.com/prometheus", Network(cidr="0.0.0.0/0"), {443, 9090}),
    ],
)
def test_another_prometheus_is_reached_where_its_address_says(url: str, peer: Peer, ports: set[int]) -> None:
    own = installed({**THEIRS, "monitoring.url": url})
    assert own.url.value == url
    (reached,) = [one for one in own.network if one.direction == "out" and one.peers == (peer,)]
    assert {port for _, port in reached.ports} == ports


def test_there_are_two_where_two_system_nodes_are_kept() -> None:
    def with_nodes(least: int) -> int:
        bounds = {"nodes": {"min": least, "max": 4}}
        return installed({**INSTALL, "cluster": {**EKS, "system": bounds}}).replicas.value

    assert [with_nodes(least) for least in (1, 2, 3)] == [1, 2, 2]


def test_an_image_whose_digest_nobody_saw_is_not_run() -> None:
    lock = image_lock()
    (entry,) = lock.named(IMAGE)
    assert isinstance(entry, Published)
    unseen = lock.holding(replace(entry, evidence=Unconfirmed(why="a test")))
    decided = plan(settings_of(edited(INSTALL)), repository(), CATALOGUE, unseen)
    (finding,) = [each for each in decided.errors if each.rule.id == "TU701"]
    assert f"{IMAGE}:{TAG}" in finding.fix
    assert decided.adapter is None


@pytest.mark.parametrize("authority", ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "ca.crt"])
def test_what_is_no_certificate_is_no_authority(authority: str) -> None:
    with pytest.raises(AssertionError, match=r"monitoring\.certificate"):
        settings_of(edited({"monitoring.certificate": {"kind": "secret", "name": "a", "authority": authority}}))
