"""Who collects the metrics that scale servers."""

from __future__ import annotations

from cli.report.document import Fact, Facts, Section
from cli.report.values import Value, words
from planning.catalogue.prometheus import ADAPTER, OPERATOR, PROMETHEUS
from planning.plan import Plan
from planning.prometheus import PlannedPrometheus
from planning.prometheus_adapter import PlannedAdapter
from planning.scaling import PENDING_METRIC
from planning.settings.controllers import Presence
from planning.settings.monitoring import GivenCertificate, KeptOnVolume, PrometheusOperator
from planning.wording import counted


def metrics_section(plan: Plan) -> Section:
    monitoring = plan.settings.monitoring
    if not isinstance(monitoring, PrometheusOperator):
        return _of(Fact("collector", "Collected by", words("nobody"), "monitoring.kind says so"))
    controllers = plan.settings.controllers
    return _of(
        Fact("namespace", "Namespace", words(monitoring.namespace), "monitoring.namespace says so"),
        Fact("interval", "Scraped every", words(str(monitoring.interval)), "monitoring.interval says so"),
        _runs(
            "prometheus_operator", "Prometheus operator", controllers.prometheus_operator, _operator(plan.prometheus)
        ),
        *(_prometheus(plan.prometheus) if plan.prometheus else ()),
        _runs("prometheus_adapter", "prometheus-adapter", controllers.prometheus_adapter, _serves(plan.adapter)),
        *(_adapter(plan.adapter) if plan.adapter else ()),
    )


def _of(*facts: Fact) -> Section:
    return Section(key="metrics", title="Metrics", blocks=(Facts(facts=facts),))


def _runs(key: str, label: str, presence: Presence, installed: Value | None) -> Fact:
    match presence:
        case Presence.NONE:
            return Fact(key, label, words("none"), f"controllers.{key} says so")
        case Presence.PRESENT:
            return Fact(key, label, words("yours"), f"controllers.{key} says that it is there")
        case Presence.INSTALL:
            return Fact(key, label, installed or words("not planned"), f"controllers.{key} says that it is installed")


def _operator(planned: PlannedPrometheus | None) -> Value | None:
    return words(f"{OPERATOR}, 1 pod on {_where(planned)}") if planned else None


def _serves(planned: PlannedAdapter | None) -> Value | None:
    if planned is None:
        return None
    where = "system nodes" if planned.nodes else "any node"
    return words(f"{ADAPTER}, {counted(planned.replicas.value, 'pod')} on {where}")


def _adapter(planned: PlannedAdapter) -> tuple[Fact, ...]:
    checked = "is checked by the API server" if isinstance(planned.certificate, GivenCertificate) else "is not checked"
    return (
        Fact("served", "It serves", words(PENDING_METRIC), "lanes are scaled on it"),
        Fact("asks", "It asks", words(planned.url.value), planned.url.because),
        Fact("relist", "New series are found within", words(str(planned.relist.value)), planned.relist.because),
        Fact("certificate", "Its certificate", words(checked), "monitoring.certificate says so"),
    )


def _where(planned: PlannedPrometheus) -> str:
    return "system nodes" if planned.nodes else "any node"


def _prometheus(planned: PlannedPrometheus) -> tuple[Fact, ...]:
    storage = planned.settings.storage
    held = f"a volume of {storage.size}" if isinstance(storage, KeptOnVolume) else f"{storage.size} of its node's disk"
    return (
        Fact(
            "prometheus",
            "Prometheus",
            words(f"{PROMETHEUS}, {counted(planned.replicas.value, 'pod')} on {_where(planned)}"),
            planned.replicas.because,
        ),
        Fact("retention", "Samples are kept", words(str(planned.retention.value)), planned.retention.because),
        Fact("kept", "As far as", words(f"{planned.kept.value.readable()} hold them, on {held}"), planned.kept.because),
    )
