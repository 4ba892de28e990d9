"""A real engine and a real cluster, or the reason why a test has none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cluster_api import ClusterApi, UnsupportedKubeconfigError
from engine import ROOT, Engine, engine_in, why_not

CLUSTER = "TRITONUP_TEST_KUBECONFIG"


@pytest.fixture(scope="session")
def usable_engine() -> None:
    """Skips, with the reason, where there is none; fails where the project is not whole."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    encoder = ROOT / "model_repository/text_encoder/1/model.onnx"
    if not encoder.is_file():
        pytest.fail(f"{encoder.relative_to(ROOT)} is not there: run `make models`", pytrace=False)


@pytest.fixture
def engine(tmp_path: Path, usable_engine: None) -> Engine:
    """On a copy of the project that the test may change."""
    return engine_in(tmp_path)


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """Of a cluster where a test may make and delete a namespace."""
    if not (path := os.environ.get(CLUSTER)):
        pytest.skip(f"no cluster: {CLUSTER} names no kubeconfig")
    return Path(path)


@pytest.fixture(scope="session")
def cluster(kubeconfig: Path) -> ClusterApi:
    try:
        return ClusterApi(kubeconfig)
    except UnsupportedKubeconfigError as refused:
        pytest.skip(str(refused))
