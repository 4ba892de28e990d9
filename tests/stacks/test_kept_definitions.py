"""The definitions of controllers' kinds that this program brings are those of the controllers themselves."""

from __future__ import annotations

import pytest

from components.controllers import karpenter, prometheus_operator
from components.controllers.definitions import definition_of
from local.cluster.errors import ClusterError
from local.crds import FOLDER, SHIPPED, upstreams

BROUGHT = {*karpenter.DEFINITIONS, *prometheus_operator.DEFINITIONS}


def test_each_is_brought_by_a_controller() -> None:
    assert {definition.name for definition in SHIPPED} == BROUGHT
    assert {path.stem for path in FOLDER.glob("*.json")} == BROUGHT


def test_the_definitions_are_the_modules_own() -> None:
    for definition in SHIPPED:
        try:
            published = upstreams(definition)
        except ClusterError as refused:
            pytest.skip(f"the module cannot be had here: {refused}")
        assert definition_of(definition.name) == published
