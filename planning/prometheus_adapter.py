"""prometheus-adapter, where this program installs it: it serves the metric that servers are scaled on, and that alone.

The API server passes on what is asked of `custom.metrics.k8s.io` (an APIService). The HorizontalPodAutoscaler's own
account may ask there already (Kubernetes v1.35.4, plugin/pkg/auth/authorizer/rbac/bootstrappolicy/
controller_policy.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from planning.catalogue import Catalogue
from planning.catalogue.prometheus import ADAPTER
from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.images import ImageLock, ImageRef
from planning.network import PROMETHEUS_PORT, Allowance, Network, Peer, Pods, plan_adapters_network
from planning.prometheus import nowhere
from planning.release import UNCONFIRMED_IMAGE, locked_image
from planning.scaling import PENDING_METRIC
from planning.settings.cluster import Local
from planning.settings.controllers import Presence
from planning.settings.monitoring import Certificate, PrometheusOperator, UncheckedCertificate
from planning.settings.quantities import Duration
from planning.settings.root import Settings
from planning.system_nodes import SystemNodes

WHICH = Rule("TU953", Severity.ERROR, "The adapter asks one Prometheus, whose address is known")
UNCHECKED = Rule("TU954", Severity.WARNING, "The API server checks whom it asks for metrics")

IMAGE, TAG = "prometheus-adapter", f"v{ADAPTER}"

PORT = 10250
"""The one port beside 443 that GKE's own firewall rules let a control plane reach (cloud.google.com/kubernetes-engine/
docs/concepts/firewall-rules, `gke-…-master`); nobody may listen on 443 but root. Elsewhere any would do."""

RULES = f"""\
rules:
- seriesQuery: '{PENDING_METRIC}{{namespace!="",pod!=""}}'
  resources: {{overrides: {{namespace: {{resource: namespace}}, pod: {{resource: pod}}}}}}
  metricsQuery: 'sum(<<.Series>>{{<<.LabelMatchers>>}}) by (<<.GroupBy>>)'
"""
"""What docs/components/lane-scaler.md tells users to give to an adapter of their own, to the letter (a test compares),
and what the cluster on this machine runs its own with."""

LEAST_RELIST_S = 30

_IN_CLUSTER = re.compile(r"^https?://(?P<host>[a-z0-9.-]+)(:(?P<port>[0-9]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAdapter:
    """`url` is where Prometheus answers. Series are looked for every `relist`, and known for `age` after their last
    sample. `nodes` are the labels of the nodes that it stands on."""

    namespace: str
    watched: str
    image: Derived[ImageRef]
    nodes: Mapping[str, str]
    replicas: Derived[int]
    url: Derived[str]
    relist: Derived[Duration]
    age: Derived[Duration]
    certificate: Certificate
    network: tuple[Allowance, ...]


def plan_adapter(
    settings: Settings, nodes: SystemNodes, catalogue: Catalogue, lock: ImageLock
) -> tuple[PlannedAdapter | None, tuple[Finding, ...]]:
    """None where somebody else runs it, nobody does, or it cannot be installed."""
    monitoring = settings.monitoring
    if settings.controllers.prometheus_adapter is not Presence.INSTALL or isinstance(settings.cluster, Local):
        # check_controllers says that it is not installed on this machine.
        return None, ()
    if not isinstance(monitoring, PrometheusOperator):
        return None, (nowhere("prometheus_adapter"),)
    found = (*_which(settings, monitoring), *_checked(monitoring))
    image = locked_image(IMAGE, TAG, settings, lock)
    if image is None:
        return None, (
            *found,
            Finding(
                rule=UNCONFIRMED_IMAGE,
                at=setting("controllers.prometheus_adapter"),
                what=f"Nobody confirmed the digest of {IMAGE}:{TAG}, which 'install' runs.",
                fix=f"Run `tritonup images update {IMAGE}:{TAG}` where the registry can be reached.",
            ),
        )
    if any(finding.rule is WHICH for finding in found):
        return None, found
    relist = max(2 * monitoring.interval.seconds, LEAST_RELIST_S)
    url, peer, ports = _prometheus(monitoring)
    return (
        PlannedAdapter(
            namespace=monitoring.namespace,
            watched=settings.namespace,
            image=image,
            nodes=nodes.labels,
            replicas=Derived(2, "one answers while the other is moved")
            if nodes.least > 1
            else Derived(1, "nobody says that there is a second node for another"),
            url=url,
            relist=Derived(
                Duration.of_seconds(relist),
                f"twice the {monitoring.interval} between scrapes, and {LEAST_RELIST_S} s at least",
            ),
            age=Derived(Duration.of_seconds(2 * relist), "a scrape may fail, and its series is there all the same"),
            certificate=monitoring.certificate,
            network=plan_adapters_network(settings, catalogue, PORT, peer, ports),
        ),
        found,
    )


def _prometheus(monitoring: PrometheusOperator) -> tuple[Derived[str], Peer, tuple[int, ...]]:
    """Where it answers, which pods those are, and at which ports: a policy sees those behind a Service."""
    if monitoring.url is None:
        return (
            Derived(f"http://prometheus.{monitoring.namespace}.svc:{PROMETHEUS_PORT}", "the stack runs it"),
            Pods(namespace=None, labels={"app.kubernetes.io/name": "prometheus"}),
            (PROMETHEUS_PORT,),
        )
    stated = _IN_CLUSTER.match(monitoring.url)
    host = (stated["host"] if stated else "").split(".")
    port = int(stated["port"] or (443 if monitoring.url.startswith("https") else 80)) if stated else PROMETHEUS_PORT
    peer: Peer = Pods(namespace=host[1]) if host[2:3] == ["svc"] else Network(cidr="0.0.0.0/0")
    return Derived(monitoring.url, "monitoring.url says so"), peer, tuple(sorted({port, PROMETHEUS_PORT}))


def _which(settings: Settings, monitoring: PrometheusOperator) -> Iterator[Finding]:
    ours = settings.controllers.prometheus_operator is Presence.INSTALL
    if ours and monitoring.url is not None:
        yield Finding(
            rule=WHICH,
            at=setting("monitoring.url"),
            what=f"{monitoring.url!r} is another Prometheus than the one that the stack runs and the adapter asks.",
            fix="Take `url` away, or write `controllers.prometheus_operator: present`.",
        )
    if not ours and monitoring.url is None:
        yield Finding(
            rule=WHICH,
            at=setting("monitoring.url"),
            what="is missing, and the adapter that the stack runs asks a Prometheus that somebody else runs.",
            fix=f"Write where it answers, such as `http://prometheus-operated.{monitoring.namespace}.svc:9090`.",
        )


def _checked(monitoring: PrometheusOperator) -> Iterator[Finding]:
    if isinstance(monitoring.certificate, UncheckedCertificate):
        yield Finding(
            rule=UNCHECKED,
            at=setting("monitoring.certificate.kind"),
            what="'unchecked' lets whoever answers in the adapter's place move servers between floor and ceiling.",
            fix="Write `secret` with a certificate that you made, or accept this with a reason.",
        )
