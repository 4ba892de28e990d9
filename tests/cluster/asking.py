"""Who asks a server during a disruption, and what of it must be true afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from cluster_stacks import RenderedStack

from local.cluster.answers import endpoint_of
from local.cluster.kubectl import Kubectl
from measuring.during import TIMEOUT_S, Observed, Stream
from measuring.kinds import ClientKind
from measuring.question import read_question
from measuring.records import Kind
from measuring.summary import doubt, summarise
from planning.server import PlannedServer

BEFORE_S = 3.0
SILENCE_S = 4.0
"""Shorter than any step of a pod's leaving (docs/draining.md). Two busy cores have
kept a client waiting for 2.5 s; 7 independent requests a second leave no such gap."""

SETTLE_S = 4.0
"""After a disruption has ended: longer than any connection lives, so that what it left behind is asked too."""


def streams(
    stack: RenderedStack,
    server: PlannedServer,
    kubectl: Kubectl,
    rates: Mapping[str, float],
    *,
    timeout_s: float = TIMEOUT_S,
) -> tuple[Stream, ...]:
    """Every kind of client, each asking every model of `rates` so many times a second, through the Service."""
    models = {model.name: model.directory for model in server.served.models}
    with endpoint_of(server, stack.plan.namespace, kubectl) as endpoint:
        return tuple(
            Stream(
                name=f"{server.name} {model}",
                target=f"{endpoint.host}:{endpoint.ports.grpc if kind is ClientKind.GRPC else endpoint.ports.http}",
                kind=kind,
                question=read_question(models[model]),
                rate=rate,
                timeout_s=timeout_s,
            )
            for kind in ClientKind
            for model, rate in rates.items()
        )


def sound(observed: Observed[Any], *, least: int) -> Observed[Any]:
    """`observed`, where it can show a loss: by each kind of client `least` requests or more were sent, none was held
    back, and throughout the disruption no second went by without one. That some were sent late (`doubt`) says that
    latencies are not to be believed, and none is asserted here."""
    for kind, records in observed.by_kind.items():
        assert len(records) >= least, f"only {len(records)} requests by {kind}"
        assert Kind.NOT_SENT not in summarise(records).failed
        silence = longest_silence(observed, kind)
        assert silence < SILENCE_S, f"{kind} sent nothing for {silence:.1f} s"
        if doubtful := doubt(summarise(records)):
            print(f"{kind}: {doubtful}")
    return observed


def longest_silence(observed: Observed[Any], kind: ClientKind) -> float:
    """Seconds of the disruption in which no client of this kind sent a request."""
    sent = sorted(
        heard.began + record.started
        for heard in observed.heard
        if heard.stream.kind is kind
        for record in heard.records
    )
    moments = [observed.began, *(at for at in sent if observed.began < at < observed.ended), observed.ended]
    return max(after - before for before, after in pairwise(moments))


def lost(observed: Observed[Any]) -> Mapping[str, int]:
    """Failed requests by kind of client; empty where there are none."""
    counts = {str(kind): sum(record.failed for record in records) for kind, records in observed.by_kind.items()}
    return {kind: count for kind, count in counts.items() if count}
