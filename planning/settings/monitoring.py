"""Who collects metrics."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from planning.settings.base import Strict
from planning.settings.quantities import Cpu, Duration, Memory
from planning.settings.scalars import Labels, Namespace
from planning.settings.servers import Caller
from planning.settings.volumes import StorageClassName


class NoMonitoring(Strict):
    kind: Literal["none"]


class KeptOnNode(Strict):
    """On the disk of the node that the pod is on. What was collected goes with the pod; what scales servers is there
    again after two scrapes."""

    kind: Literal["node"]
    size: Memory = Memory(8 * 2**30)


class KeptOnVolume(Strict):
    """On a volume of the cluster, which stays with the pod from node to node. It is never made smaller."""

    kind: Literal["volume"]
    size: Memory
    storage_class: StorageClassName | None = None
    """Left out, the cluster's default class. A new cluster of EKS has none."""


Storage = Annotated[KeptOnNode | KeptOnVolume, Field(discriminator="kind")]


class InstalledPrometheus(Strict):
    """The Prometheus that the stack runs, where `controllers.prometheus_operator` is `install`."""

    replicas: Annotated[int, Field(ge=1, le=2)] = 1
    """Each of two scrapes all by itself: scaling goes on while one is moved."""
    retention: Duration = Duration(24 * 3_600_000)
    """How long samples are kept, as far as four fifths of the storage hold them."""
    storage: Storage = KeptOnNode(kind="node")
    cpu: Cpu = Cpu(250)
    memory: Memory = Memory(2**30)
    callers: list[Caller] = []
    """Pods that may ask it beside the adapter, such as Grafana's."""


Url = Annotated[
    str,
    StringConstraints(
        pattern=r"^https?://[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?(:[1-9][0-9]{0,4})?(/[-a-zA-Z0-9._/]*)?$"
    ),
    Field(examples=["http://prometheus-operated.monitoring.svc:9090"]),
]

Pem = Annotated[
    str,
    StringConstraints(
        pattern=r"^(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,76}\n)+-----END CERTIFICATE-----\n?)+$"
    ),
]
"""Certificates in PEM form, and nothing that is secret."""


class UncheckedCertificate(Strict):
    """The adapter makes one whenever it starts, and the API server takes any: it does not check whom it asks."""

    kind: Literal["unchecked"]


class GivenCertificate(Strict):
    """One that you made, for `prometheus-adapter.<namespace>.svc`, and renew."""

    kind: Literal["secret"]
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
    """A Secret of type kubernetes.io/tls in `namespace`."""
    authority: Pem
    """Who signed it: the API server takes certificates of these alone."""


Certificate = Annotated[UncheckedCertificate | GivenCertificate, Field(discriminator="kind")]


class PrometheusOperator(Strict):
    """A Prometheus that the Prometheus operator runs, fed by PodMonitors."""

    kind: Literal["prometheus-operator"]
    namespace: Namespace = "monitoring"
    """Where Prometheus runs: its pods may scrape, no others."""
    interval: Duration = Duration.of_seconds(15)
    labels: Labels = {}
    """Labels by which that Prometheus selects its monitors."""
    prometheus: InstalledPrometheus | None = None
    """The one that the stack runs, where it differs from the defaults below."""
    url: Url | None = None
    """Where a Prometheus answers that the stack does not run, for the adapter that it does run."""
    certificate: Certificate = UncheckedCertificate(kind="unchecked")
    """By which the adapter that the stack runs proves itself to the API server."""


Monitoring = Annotated[NoMonitoring | PrometheusOperator, Field(discriminator="kind")]
