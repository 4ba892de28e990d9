"""Controllers and CRDs that we do not write. A stack that needs one whose state is `none` is refused."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from planning.settings.base import Strict


class Presence(StrEnum):
    NONE = "none"
    """Not there, and not to be installed."""
    PRESENT = "present"
    """Somebody else runs it in the cluster."""
    INSTALL = "install"
    """This stack installs it, as objects of its own."""


State = Annotated[Presence, Field(strict=False)]


class Controllers(Strict):
    prometheus_operator: State = Presence.NONE
    """Serves PodMonitor and PrometheusRule. `install` runs it and one Prometheus, in the namespace of `monitoring`."""
    prometheus_adapter: State = Presence.NONE
    """Serves Prometheus metrics to the HorizontalPodAutoscaler (custom.metrics.k8s.io). `install` runs
    prometheus-adapter with the rule of the one metric that servers are scaled on."""
    keda: State = Presence.NONE
    metrics_server: State = Presence.NONE
    vertical_pod_autoscaler: State = Presence.NONE
    karpenter: State = Presence.NONE
    """Buys nodes on EKS for pods that wait. `install` runs it on the system nodes of a cluster of kind `eks`."""
    argo_rollouts: State = Presence.NONE
    gateway_api: State = Presence.NONE
    cert_manager: State = Presence.NONE
    external_secrets: State = Presence.NONE
    nvidia_device_plugin: State = Presence.NONE
    """Makes GPUs known to the scheduler. On GKE the cloud runs its own: `present`. `install` puts NVIDIA's on the nodes
    of every pool, which must bring driver and container toolkit, as EKS's NVIDIA images do."""
    dcgm_exporter: State = Presence.NONE
