"""A server's ONNX graphs are held against the ONNX Runtime of its release."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planning.catalogue import CATALOGUE
from planning.repository.checks.opsets import LOADED, OnnxSupport
from planning.repository.model import Repository
from tests.unit.planning.world import planned_with, repository


def with_opset(opset: int) -> Repository:
    """The repository with `digits` exported for another operator set."""
    digits = repository().models["digits"]
    (version,) = digits.served
    assert version.graph is not None
    served = (replace(version, graph=replace(version.graph, opsets={"ai.onnx": opset})),)
    return replace(repository(), models={**repository().models, "digits": replace(digits, served=served)})


@pytest.mark.parametrize(("release", "opset"), [("26.07", 26), ("26.08", 26)])
def test_a_graph_that_is_newer_than_the_runtime_is_refused(release: str, opset: int) -> None:
    changes = {"servers.vision.models": ["digits"], "servers.vision.release": release}
    assert "TU218" not in [finding.rule.id for finding in planned_with(changes, with_opset(opset)).findings]
    (finding,) = [
        finding for finding in planned_with(changes, with_opset(opset + 1)).findings if finding.rule.id == "TU218"
    ]
    assert f"Triton {release}" in finding.what


def test_nothing_is_said_where_the_runtime_is_not_known() -> None:
    unknown = [release for release in CATALOGUE.releases.values() if OnnxSupport.of(release) is None]
    assert all(release.onnxruntime is None for release in unknown)


def test_a_newer_runtime_loads_no_less() -> None:
    loaded = [LOADED[minor] for minor in sorted(LOADED)]
    assert loaded == sorted(loaded)
