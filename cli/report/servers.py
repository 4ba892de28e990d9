"""The servers, each from what it promises to the flags that it is started with."""

from __future__ import annotations

from cli.report.document import Fact, Facts, Paragraph, Section
from cli.report.lanes import disruption_section, placement_section, scaling_section
from cli.report.memory import memory_section
from cli.report.serves import release_section, serves_section
from cli.report.timing import leaving_section, starting_section
from cli.report.traffic import flags_section, network_section
from cli.report.values import Value, absent, percent
from planning.plan import Plan
from planning.server import PlannedServer
from planning.settings.servers import Slo, Triton
from planning.wording import listed


def servers_section(plan: Plan) -> Section:
    missing = [name for name in plan.settings.servers if name not in {server.name for server in plan.servers}]
    note = f"Not planned, because of errors: {listed(missing)}."
    return Section(
        key="servers",
        title="Servers",
        blocks=(Paragraph(text=note),) if missing else (),
        sections=tuple(_server(server, plan) for server in plan.servers),
    )


def _server(server: PlannedServer, plan: Plan) -> Section:
    wanted = plan.settings.servers[server.name]
    return Section(
        key=server.name,
        title=f"Server {server.name}",
        blocks=(Facts(facts=_promises(server.name, wanted)),),
        sections=(
            serves_section(server, tuple(wanted.models)),
            release_section(server),
            placement_section(server),
            memory_section(server),
            leaving_section(server),
            starting_section(server, plan.settings),
            disruption_section(server),
            scaling_section(server),
            network_section(server),
            flags_section(server),
        ),
    )


def _promises(name: str, wanted: Triton) -> tuple[Fact, ...]:
    return (
        Fact("promised_latency", "Promised latency", _latency(wanted.slo), _says(wanted.slo.latency, name, "latency")),
        Fact(
            "promised_availability",
            "Promised availability",
            absent("percent", "none") if wanted.slo.availability is None else percent(wanted.slo.availability),
            _says(wanted.slo.availability, name, "availability"),
        ),
    )


def _latency(slo: Slo) -> Value:
    if slo.latency is None:
        return absent(text="none")
    return Value(
        data={"percentile": slo.latency.percentile, "within_milliseconds": slo.latency.within.millis},
        text=f"{slo.latency.percentile:g} % within {slo.latency.within}",
    )


def _says(stated: object, server: str, field: str) -> str:
    where = f"servers.{server}.slo.{field}"
    return f"{where} says so" if stated is not None else f"{where} is left out"
