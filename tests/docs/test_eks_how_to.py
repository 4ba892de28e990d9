"""What the how-to says a cluster costs is what planning says, and what it tells people to type is what was planned."""

from __future__ import annotations

import re
from functools import cache

from doc_pages import ROOT

from components.controllers.karpenter import DEFINITIONS
from planning.catalogue import CATALOGUE
from planning.catalogue.karpenter import INSTALLED, written
from planning.clusters.eks import Karpenter, PlannedEks, plan_eks
from stacks.planned import planned
from stacks.stackfile import StackFile, read_stack_file

PAGE = (ROOT / "docs" / "how-to" / "eks.md").read_text(encoding="utf-8")


@cache
def prod() -> PlannedEks:
    file = read_stack_file(ROOT, "prod")
    assert isinstance(file, StackFile), file
    plan = planned(file.settings, ROOT)
    nodes = {cost.pool.name: cost.nodes for cost in plan.cost}
    eks, _ = plan_eks(plan.settings, plan.pools, plan.servers, nodes, CATALOGUE)
    assert eks is not None
    return eks


def test_the_page_prices_everything_that_runs_at_rest() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (\d+) \| (\d\.\d{4}) \|$", PAGE, re.MULTILINE)
    assert all(cost.usd_per_hour is not None for cost in prod().costs)
    assert rows == [(cost.what, str(cost.count), f"{cost.usd_per_hour or 0:.4f}") for cost in prod().costs]
    (together,) = re.findall(r"^\| together \| \| (\d\.\d{4}) \|$", PAGE, re.MULTILINE)
    assert together == f"{sum(cost.usd_per_hour or 0 for cost in prod().costs):.4f}"


def test_the_page_names_the_version_that_is_installed_and_the_definitions_that_stay() -> None:
    assert f"Karpenter {written(INSTALLED)} with them" in PAGE
    assert PAGE.count(f"--version {written(INSTALLED)} ") == 2
    (removed,) = re.findall(r"^\$ kubectl delete crd (.*)$", PAGE, re.MULTILINE)
    assert set(removed.split()) == set(DEFINITIONS)


def test_karpenter_is_told_the_names_that_it_will_find() -> None:
    eks = prod()
    assert isinstance(eks.scaler, Karpenter)
    assert f"settings.clusterName={eks.name.value} " in PAGE
    assert f"settings.interruptionQueue={eks.scaler.queue}\n" in PAGE
    assert f"`{eks.scaler.queue}`" in PAGE
    assert f"`{eks.scaler.identity.namespace}/{eks.scaler.identity.account}`" in PAGE
    assert f"--region {eks.region} --name {eks.name.value}" in PAGE
