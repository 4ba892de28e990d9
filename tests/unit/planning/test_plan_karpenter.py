"""Karpenter is installed where the settings say so, in a version that knows the cluster's Kubernetes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from planning.catalogue import CATALOGUE
from planning.catalogue.eks import VERSIONS
from planning.catalogue.karpenter import INSTALLED, KNOWN_SINCE, knows, written
from planning.images import Published, Unconfirmed
from planning.karpenter import FEATURES, IMAGE, PlannedKarpenter
from planning.planner import plan
from tests.unit.planning.world import EKS, edited, ids, image_lock, planned, repository, settings_of

INSTALL = "controllers.karpenter"


def installed(changes: dict[str, Any] | None = None) -> PlannedKarpenter:
    decided = planned(edited({"cluster": EKS, INSTALL: "install", **(changes or {})}))
    assert decided.karpenter is not None
    assert decided.karpenter.installed is not None, decided.errors
    return decided.karpenter.installed


def test_every_version_that_eks_offers_is_one_that_the_installed_karpenter_knows() -> None:
    assert [version.minor for version in VERSIONS if not knows(version.minor)] == []


def test_a_karpenter_older_than_the_first_that_knows_a_kubernetes_does_not_know_it() -> None:
    for kubernetes, since in KNOWN_SINCE.items():
        assert knows(kubernetes, since)
        assert not knows(kubernetes, (since[0], since[1] - 1, 99))
    assert not knows("1.99")


def test_it_is_told_the_names_of_what_the_clusters_stack_makes_for_it() -> None:
    decided = planned(edited({"cluster": EKS, INSTALL: "install"}))
    assert decided.karpenter is not None
    own = decided.karpenter.installed
    assert own is not None
    assert (own.queue, own.identity) == (decided.karpenter.nodes.queue, decided.karpenter.nodes.identity)
    assert (own.cluster, own.region) == (decided.karpenter.cluster, EKS["region"])
    assert own.image.value.tag == written(INSTALLED)


def test_nodes_that_it_bought_are_repaired() -> None:
    assert installed().features.value == {**FEATURES, "NodeRepair": True}


def test_a_second_one_is_asked_for_only_where_a_second_system_node_is_kept() -> None:
    def with_nodes(least: int) -> int:
        bounds = {"nodes": {"min": least, "max": 4}}
        return installed({"cluster": {**EKS, "system": bounds}}).replicas.value

    assert [with_nodes(least) for least in (1, 2, 3)] == [1, 2, 2]


def test_who_runs_a_karpenter_of_their_own_gets_none_and_their_node_pools_all_the_same() -> None:
    decided = planned(edited({"cluster": EKS, INSTALL: "present"}))
    assert decided.karpenter is not None
    assert decided.karpenter.installed is None
    own = planned(edited({"cluster": EKS, INSTALL: "install"})).karpenter
    assert own is not None
    assert own.nodes == decided.karpenter.nodes


def test_an_image_whose_digest_nobody_saw_is_not_run() -> None:
    lock = image_lock()
    (entry,) = lock.named(IMAGE)
    assert isinstance(entry, Published)
    unseen = lock.holding(replace(entry, evidence=Unconfirmed(why="a test")))
    decided = plan(settings_of(edited({"cluster": EKS, INSTALL: "install"})), repository(), CATALOGUE, unseen)
    (finding,) = [each for each in decided.errors if each.rule.id == "TU701"]
    assert (finding.at.field, "karpenter:1.14.1" in finding.fix) == (INSTALL, True)
    assert decided.karpenter is not None
    assert decided.karpenter.installed is None


def test_a_cluster_of_another_kind_has_no_role_for_it() -> None:
    assert "TU902" in ids(planned(edited({INSTALL: "install"})).errors)
