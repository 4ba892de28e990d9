"""Who collects metrics."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planning.settings.base import Strict
from planning.settings.scalars import Duration, Labels, Namespace


class NoMonitoring(Strict):
    kind: Literal["none"]


class PrometheusOperator(Strict):
    """A Prometheus that the Prometheus operator runs, fed by PodMonitors."""

    kind: Literal["prometheus-operator"]
    namespace: Namespace = "monitoring"
    """Where Prometheus runs: its pods may scrape, no others."""
    interval: Duration = Duration.of_seconds(15)
    labels: Labels = {}
    """Labels by which that Prometheus selects its monitors."""


Monitoring = Annotated[NoMonitoring | PrometheusOperator, Field(discriminator="kind")]
