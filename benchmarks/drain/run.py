"""One run: all settings under the same load, one disruption to all of them, and what each client lost."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.drain.deployments import Deployed
from benchmarks.drain.disturbances import Done, Kind, clients_of, disrupt
from benchmarks.drain.site import Site
from local.cluster.disruptions import Crashed
from measuring.clients import HELD
from measuring.during import Heard, Observed, Stream, observe
from measuring.kinds import ClientKind
from measuring.records import Record

BEFORE_S = 5.0
SETTLE_S = 3.0

CLIENT_NICENESS = -15
"""Of the process that sends and times: on two cores where servers start meanwhile it would otherwise wait its turn, and
a client that is late says less about the servers."""

MOST_OFFSETS = 400
"""Moments of losses that a cell keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One kind of client of one setting in one run. `during`: requests planned while the disruption and the recovery
    lasted. `lost` by reason. `lost_at`: when each lost request was sent, in seconds after the disruption began (of a
    crash: after the process was no more). `in_flight`: of a crash, requests that this client had begun on either server
    before the process was no more, and that had not ended when it was told; `lost_in_flight` of them were lost, and
    were on the killed server."""

    settings: str
    client: str
    sent: int
    during: int
    lost: dict[str, int]
    lost_at: list[float]
    late: int
    p50_ms: float | None
    p99_ms: float | None
    doubt: str | None
    in_flight: int | None = None
    lost_in_flight: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """`disruption_s` is how long the disruption took by itself, `whole_after_s` until all replicas served again.
    `restarts`: by setting, containers that were started again without our having killed them. That is the machine's
    doing (two busy cores did not answer a probe of 1 s, or Triton's Python backend took its own processes for dead),
    and a graceful disruption during which it happened is measured again."""

    kind: str
    number: int
    at: str
    rate: float
    disruption_s: float
    whole_after_s: float
    remarks: tuple[str, ...]
    restarts: dict[str, int]
    cells: tuple[Cell, ...]


def streams_of(kind: Kind, site: Site, deployed: Sequence[Deployed], rate: float) -> list[Stream]:
    """To each setting's Service, by its cluster address: `rate` requests a second from each kind of client, or as many
    in all from those alone that `kind` is measured with."""
    clients = clients_of(kind)
    each = rate * len(ClientKind) / len(clients)
    streams: list[Stream] = []
    for one in deployed:
        address = site.address_of(one)
        for client in clients:
            port = one.grpc if client is ClientKind.GRPC else one.http
            streams.append(
                Stream(
                    name=one.settings.key,
                    target=f"{address}:{port}",
                    kind=client,
                    question=site.question,
                    rate=each,
                    held=HELD[client],
                )
            )
    return streams


def run(kind: Kind, number: int, site: Site, deployed: Sequence[Deployed], *, rate: float) -> Run:
    """The cluster has been prepared for `kind`."""

    def act() -> Done:
        prefer_the_client()
        return disrupt(kind, site, deployed)

    began = datetime.now(UTC)
    before = site.restarts_of(deployed)
    observed = observe(
        streams_of(kind, site, deployed, rate), act, before_s=BEFORE_S, settle_s=SETTLE_S, seed=10_000 * number
    )
    done = observed.result
    after = site.restarts_of(deployed)
    restarts = {
        key: sum(count - before[key].get(container, 0) for container, count in counts.items()) - (key in done.killed)
        for key, counts in after.items()
    }
    return Run(
        kind=kind.value,
        number=number,
        at=began.isoformat(timespec="seconds"),
        rate=rate,
        disruption_s=round(done.over - observed.began, 1),
        whole_after_s=round(observed.ended - observed.began, 1),
        remarks=done.remarks,
        restarts={key: count for key, count in restarts.items() if count > 0},
        cells=tuple(_cell(heard, observed) for heard in observed.heard),
    )


def prefer_the_client() -> None:
    """Every thread of the traffic's process, which is the only child that this process has by `multiprocessing`, and
    their session: Linux weighs sessions first, against the pods as a whole (sched(7), "The autogroup feature")."""
    for child in multiprocessing.active_children():
        session = Path(f"/proc/{child.pid}/autogroup")
        if session.exists():
            session.write_text(str(CLIENT_NICENESS), encoding="ascii")
        for thread in Path(f"/proc/{child.pid}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), CLIENT_NICENESS)


def _cell(heard: Heard, observed: Observed[Done]) -> Cell:
    summary = heard.summary
    killed = observed.result.killed.get(heard.stream.name)
    since = heard.began - (observed.began if killed is None else killed.gone)
    lost = [record for record in heard.records if record.failed]
    crash: dict[str, Any] = {}
    if killed is not None:
        open_at = [record for record in heard.records if _open_between(record, heard.began, killed)]
        crash = {"in_flight": len(open_at), "lost_in_flight": sum(record.failed for record in open_at)}
    return Cell(
        settings=heard.stream.name,
        client=heard.stream.kind.value,
        sent=summary.count,
        during=heard.sent_between(observed.began, observed.ended),
        lost=dict(summary.failed),
        lost_at=[round(since + record.started, 2) for record in lost[:MOST_OFFSETS]],
        late=summary.late,
        p50_ms=None if summary.p50 is None else round(1e3 * summary.p50),
        p99_ms=None if summary.p99 is None else round(1e3 * summary.p99),
        doubt=heard.doubt,
        **crash,
    )


def _open_between(record: Record, began: float, killed: Crashed) -> bool:
    return began + record.started <= killed.gone and began + record.ended > killed.told
