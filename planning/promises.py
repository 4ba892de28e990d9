"""Whether what is promised to callers can hold, as far as settings alone decide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planning.findings import Finding, Rule, Severity, setting
from planning.repository.model import Model
from planning.settings.servers import Public, Triton

QUEUED_TOO_LONG = Rule("TU501", Severity.WARNING, "A model does not wait for a batch longer than its SLO allows")
BATCHER_SLEEPS = Rule("TU502", Severity.WARNING, "A batcher that may sleep half a second is promised no faster")
CUT_BEFORE_PROMISED = Rule("TU603", Severity.ERROR, "A pod that leaves answers every request within its SLO")
OPEN_TO_THE_WORLD = Rule("TU706", Severity.WARNING, "A server without credentials is not reachable from the internet")

BATCHER_POLL_MS = 500
"""How long Triton's dynamic batcher may sleep beside a free instance, where priorities or queue limits keep it from
prefetching: it is woken by the next arrival or by this poll (core, `WaitForPayloadSlotAvailable` in
dynamic_batch_scheduler.cc, alike in r24.10 and r26.06). Seen on 24.10: 1 of 12 bursts of five requests took 505 ms."""


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
    findings += [
        Finding(
            rule=BATCHER_SLEEPS,
            at=setting(f"servers.{name}.slo.latency.within"),
            what=f"{within} is less than the {BATCHER_POLL_MS} ms for which the batcher of {model!r} may sleep beside a"
            " free instance, because its config has priorities or queue limits.",
            fix="Take priority_levels and the queue policy out of that config.pbtxt, promise less, or accept this"
            " warning with a reason.",
        )
        for model in sorted(_reached(server.models, models))
        if within.millis < BATCHER_POLL_MS and _limits_its_queue(models[model])
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
    reached = _reached([name], models)
    return sum(models[each].config.dynamic_batching.max_queue_delay_microseconds for each in reached)


def _reached(names: Sequence[str], models: Mapping[str, Model]) -> set[str]:
    """`names` and the steps that they call, as far as they are in the repository."""
    reached: set[str] = set()
    ahead = list(names)
    while ahead:
        here = ahead.pop()
        if here in models and here not in reached:
            reached.add(here)
            ahead += models[here].steps
    return reached


def _limits_its_queue(model: Model) -> bool:
    """Whether the config sets anything that turns the batcher's prefetching off."""
    batching = model.config.dynamic_batching
    policies = [batching.default_queue_policy, *batching.priority_queue_policy.values()]
    return batching.priority_levels > 0 or any(
        policy.max_queue_size or policy.default_timeout_microseconds or policy.allow_timeout_override
        for policy in policies
    )


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
