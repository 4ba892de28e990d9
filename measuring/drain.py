"""What a pod's leaving costs: two pods behind a Service, a load by each kind of client, and one pod deleted in it.

`python -m measuring.drain --help` measures one shape of the pod several times. Everything is on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from local.installed import InstalledTriton, find_installed
from measuring.arrivals import Poisson, arrival_times
from measuring.clients import client_of
from measuring.kinds import ClientKind
from measuring.load import send
from measuring.pods import Leaving, Pod, Sidecar, loopback, write_sleeping_model
from measuring.proxies import Quit, haproxy, nginx
from measuring.question import read_question
from measuring.records import Record
from measuring.service import Endpoint, Service
from measuring.summary import Summary, doubt, summarise

TIMEOUT_S = 20.0
"""Of a request: far above what it takes, so that only what is really lost is counted."""

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disruption:
    """One measurement. `rate` is each kind's, in requests a second; `lag_s` is how long after the pod's deletion
    the Service still sends it new connections; times are seconds."""

    leaving: Leaving
    sidecar: Sidecar | None
    kinds: tuple[ClientKind, ...]
    rate: float
    seconds: float
    delete_at_s: float
    lag_s: float
    seed: int
    held: int | None = None
    model_s: float = 0.1
    instances: int = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a disruption came to: by kind of client, and how long the pod took to leave. `failed_at` are the planned
    times of the lost requests, relative to the deletion."""

    summaries: dict[str, Summary]
    failed_at: dict[str, tuple[float, ...]]
    left_after_s: float
    last_words: tuple[str, ...]
    doubts: tuple[str, ...]


def measure(disruption: Disruption, installed: InstalledTriton) -> Cost:
    root = Path(tempfile.mkdtemp(prefix="tritonup-drain-"))
    pods: list[Pod] = []
    try:
        model = write_sleeping_model(root, seconds=disruption.model_s, instances=disruption.instances)
        for name in ("stays", "leaves"):
            pods.append(Pod(name, disruption.leaving, model, installed, disruption.sidecar))
        for pod in pods:
            pod.wait_until_ready()
        return asyncio.run(_measured(disruption, pods, model))
    finally:
        for pod in pods:
            pod.end()
        shutil.rmtree(root, ignore_errors=True)


async def _measured(disruption: Disruption, pods: Sequence[Pod], model: Path) -> Cost:
    services = {"http": Service(), "grpc": Service()}
    ports = {wire: await service.open() for wire, service in services.items()}
    for pod in pods:
        services["http"].add(Endpoint(pod.name, pod.http))
        services["grpc"].add(Endpoint(pod.name, pod.grpc))
    question = read_question(model)
    clients = {
        kind: client_of(
            kind,
            loopback(ports["grpc" if kind is ClientKind.GRPC else "http"]),
            question,
            timeout_s=TIMEOUT_S,
            held=disruption.held,
        )
        for kind in disruption.kinds
    }
    try:
        for client in clients.values():
            await client.prepare()
        leaving = asyncio.create_task(_delete(disruption, pods[-1], list(services.values())))
        loads = [
            send(
                arrival_times(Poisson(rate=disruption.rate, seconds=disruption.seconds, seed=disruption.seed + index)),
                client,
            )
            for index, client in enumerate(clients.values())
        ]
        records = dict(zip(clients, await asyncio.gather(*loads), strict=True))
        took = await leaving
    finally:
        for client in clients.values():
            await client.close()
        for service in services.values():
            await service.close()
    return _cost(disruption, records, took, pods[-1].log)


async def _delete(disruption: Disruption, pod: Pod, services: Sequence[Service]) -> float:
    await asyncio.sleep(disruption.delete_at_s)
    leaving = asyncio.create_task(asyncio.to_thread(pod.leave))
    await asyncio.sleep(disruption.lag_s)
    for service in services:
        service.remove(pod.name)
    return await leaving


def _cost(
    disruption: Disruption, records: dict[ClientKind, tuple[Record, ...]], took: float, log: Sequence[str]
) -> Cost:
    summaries = {kind.value: summarise(own) for kind, own in records.items()}
    return Cost(
        summaries=summaries,
        failed_at={
            kind.value: tuple(round(r.planned - disruption.delete_at_s, 2) for r in own if r.failed)
            for kind, own in records.items()
        },
        left_after_s=round(took, 2),
        last_words=tuple(line.split("] ", 1)[-1] for line in log if "Timeout" in line or "failed" in line)[:12],
        doubts=tuple(f"{kind}: {why}" for kind, summary in summaries.items() if (why := doubt(summary)) is not None),
    )


def _sidecar(given: argparse.Namespace) -> Sidecar | None:
    match given.sidecar:
        case "nginx":
            return nginx(
                given.binary,
                libraries=given.libraries,
                connection_age_s=given.http_age,
                pre_stop_s=given.pre_stop,
                quit_=Quit(given.quit),
                slowest_request_s=given.exit_timeout,
            )
        case "haproxy":
            return haproxy(
                given.binary,
                libraries=given.libraries,
                pre_stop_s=given.pre_stop,
                slowest_request_s=given.exit_timeout,
            )
        case _:
            return None


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=35)
    parser.add_argument("--delete-at", type=float, default=8)
    parser.add_argument("--lag", type=float, default=3)
    parser.add_argument("--pre-stop", type=int, default=0)
    parser.add_argument("--exit-timeout", type=int, default=30)
    parser.add_argument("--grace", type=int, default=30)
    parser.add_argument("--grpc-age", type=int, default=0, help="milliseconds; 0: none")
    parser.add_argument("--kinds", nargs="+", default=[kind.value for kind in ClientKind])
    parser.add_argument("--sidecar", choices=("none", "nginx", "haproxy"), default="none")
    parser.add_argument("--binary", type=Path, default=Path(), help="of the sidecar")
    parser.add_argument("--libraries", default="")
    parser.add_argument("--http-age", type=int, default=2, help="seconds; nginx's keepalive_time")
    parser.add_argument("--quit", choices=[when.value for when in Quit], default=Quit.PLANNED.value, help="of nginx")
    parser.add_argument("--held", type=int, default=0, help="pools or channels that take turns")
    given = parser.parse_args(argv)
    installed = find_installed(PROJECT)
    if isinstance(installed, str):
        sys.stderr.write(f"No Triton can be started here: {installed}.\n")
        return 1
    flags: dict[str, int] = {}
    if given.grpc_age:
        flags = {
            "grpc-max-connection-age": given.grpc_age,
            "grpc-max-connection-age-grace": given.exit_timeout * 1000,
        }
    for run in range(given.runs):
        disruption = Disruption(
            leaving=Leaving(
                pre_stop_s=given.pre_stop, exit_timeout_s=given.exit_timeout, grace_s=given.grace, flags=flags
            ),
            sidecar=_sidecar(given),
            kinds=tuple(ClientKind(kind) for kind in given.kinds),
            rate=given.rate,
            seconds=given.seconds,
            delete_at_s=given.delete_at,
            lag_s=given.lag,
            held=given.held or None,
            seed=1000 * run + time.localtime().tm_yday,
        )
        cost = measure(disruption, installed)
        print(json.dumps({"run": run, **asdict(cost)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
