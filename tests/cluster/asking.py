"""Who asks a server during a disruption, and what of it must be true afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster_stacks import RenderedStack

from local.cluster.answers import endpoint_of
from local.cluster.kubectl import Kubectl
from measuring.during import Observed, Stream
from measuring.kinds import ClientKind
from measuring.question import read_question
from measuring.summary import doubt, summarise
from planning.server import PlannedServer

BEFORE_S = 3.0
SETTLE_S = 4.0
"""After a disruption has ended: longer than any connection lives, so that what it left behind is asked too."""


def streams(
    stack: RenderedStack, server: PlannedServer, kubectl: Kubectl, rates: Mapping[str, float]
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
            )
            for kind in ClientKind
            for model, rate in rates.items()
        )


def sound(observed: Observed[Any], *, least: int) -> Observed[Any]:
    """`observed`, where its figures can be believed: `least` requests or more were sent by each kind of client, and the
    clients kept up."""
    for kind, records in observed.by_kind.items():
        assert len(records) >= least, f"only {len(records)} requests by {kind}"
        assert (doubtful := doubt(summarise(records))) is None, f"{kind}: {doubtful}"
    return observed


def lost(observed: Observed[Any]) -> Mapping[str, int]:
    """Failed requests by kind of client; empty where there are none."""
    counts = {str(kind): sum(record.failed for record in records) for kind, records in observed.by_kind.items()}
    return {kind: count for kind, count in counts.items() if count}
