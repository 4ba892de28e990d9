"""Whether what is promised to callers can hold, as far as settings alone decide it."""

from __future__ import annotations

from collections.abc import Mapping

from planning.findings import Finding, Rule, Severity, setting
from planning.repository.model import Model
from planning.settings.servers import Public, Triton

QUEUED_TOO_LONG = Rule("TU501", Severity.WARNING, "A model does not wait for a batch longer than its SLO allows")
CUT_BEFORE_PROMISED = Rule("TU603", Severity.ERROR, "A pod that leaves answers every request within its SLO")
OPEN_TO_THE_WORLD = Rule("TU706", Severity.WARNING, "A server without credentials is not reachable from the internet")


def check_promises(name: str, server: Triton, models: Mapping[str, Model]) -> tuple[Finding, ...]:
    """`models`: of the repository, by name."""
    return (*_latency(name, server, models), *_exposure(name, server))


def _latency(name: str, server: Triton, models: Mapping[str, Model]) -> tuple[Finding, ...]:
    if server.slo.latency is None:
        return ()
    within = server.slo.latency.within
    findings = [
        Finding(
            rule=QUEUED_TOO_LONG,
            at=setting(f"servers.{name}.slo.latency.within"),
            what=f"{within} is less than the {delay / 1000:g} ms that a request to {model!r} may wait for others to"
            " join its batch (max_queue_delay_microseconds, all steps together).",
            fix="Lower max_queue_delay_microseconds of these models, or promise less.",
        )
        for model in server.models
        if (delay := _queue_delay(model, models)) > within.millis * 1000
    ]
    if server.drain.slowest_request < within:
        findings.append(
            Finding(
                rule=CUT_BEFORE_PROMISED,
                at=setting(f"servers.{name}.drain.slowest_request"),
                what=f"{server.drain.slowest_request} is shorter than slo.latency.within of {within}: a pod that leaves"
                " would cut requests that are within the promise.",
                fix=f"Write {within} or more.",
            )
        )
    return tuple(findings)


def _queue_delay(name: str, models: Mapping[str, Model]) -> int:
    """Microseconds that a request may wait for a batch, in `name` and in the steps that it calls, each once."""
    reached: set[str] = set()
    ahead = [name]
    while ahead:
        here = ahead.pop()
        if here in models and here not in reached:
            reached.add(here)
            ahead += models[here].steps
    return sum(models[each].config.dynamic_batching.max_queue_delay_microseconds for each in reached)


def _exposure(name: str, server: Triton) -> tuple[Finding, ...]:
    if not isinstance(server.exposure, Public):
        return ()
    networks = ", ".join(server.exposure.networks)
    return (
        Finding(
            rule=OPEN_TO_THE_WORLD,
            at=setting(f"servers.{name}.exposure.kind"),
            what=f"'public' lets {networks} call a server that asks for no credentials and speaks without TLS.",
            fix="Put a gateway that authenticates in front and write `internal`, or accept this warning.",
        ),
    )
