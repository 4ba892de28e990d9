"""The labels that name our objects: Kubernetes' recommended ones, and the user's own beside them."""

from __future__ import annotations

from collections.abc import Mapping

from planning.engines.orders import BUILDER
from planning.filling import ACCOUNT as FILLER
from planning.model_versions import INSTANCE

NAME = "app.kubernetes.io/name"
LANE = "tritonup/lane"


def selector(server: str) -> dict[str, str]:
    """What selects every pod of a server, of all lanes. It never changes: selectors are immutable."""
    return {NAME: "triton", INSTANCE: server}


def lane_selector(server: str, lane: str) -> dict[str, str]:
    return {**selector(server), LANE: lane}


def of_builders(labels: Mapping[str, str]) -> dict[str, str]:
    """On what builds engines, which no Service and no Deployment selects."""
    return {**common(labels), NAME: BUILDER}


def of_fillers(labels: Mapping[str, str]) -> dict[str, str]:
    """On what fills the volume of models, which no Service and no Deployment selects."""
    return {**common(labels), NAME: FILLER}


def common(labels: Mapping[str, str]) -> dict[str, str]:
    """On every object, of whatever server."""
    return {**labels, "app.kubernetes.io/part-of": "tritonup", "app.kubernetes.io/managed-by": "tritonup"}


def of_server(server: str, labels: Mapping[str, str]) -> dict[str, str]:
    return {**common(labels), **selector(server)}
