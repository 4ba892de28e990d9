"""What the proxy before Triton costs: the same requests with it and without, at the same time.

`python -m measuring.proxy_cost --binary NGINX` prints one line of JSON a run. Both loads run in one process against
one Triton, so that whatever else the machine does falls on both: the ratio is the figure, not the milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from local.installed import InstalledTriton, find_installed
from measuring.arrivals import Poisson, arrival_times
from measuring.clients import client_of
from measuring.drain import PROJECT, TIMEOUT_S
from measuring.kinds import ClientKind
from measuring.load import send
from measuring.pods import Leaving, Pod, loopback, write_sleeping_model
from measuring.proxies import nginx
from measuring.question import read_question
from measuring.summary import Summary, doubt, summarise

LEAVING = Leaving(pre_stop_s=0, exit_timeout_s=5, grace_s=6, flags={})


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of those that it started (fields 14 and 15 of proc(5)'s stat)."""
    family = [pid, *_children(pid)]
    ticks = 0
    for one in family:
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_mebibytes(pid: int) -> float:
    """Resident memory at its highest, of a process and of those that it started (VmHWM of proc(5)'s status)."""
    kibibytes = 0
    for one in (pid, *_children(pid)):
        lines = Path(f"/proc/{one}/status").read_text().splitlines()
        kibibytes += next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return round(kibibytes / 1024, 1)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def _compare(
    pod: Pod, model: Path, kind: ClientKind, rate: float, seconds: float, seed: int
) -> dict[str, object]:
    question = read_question(model)
    ports = (
        {"direct": pod.triton_grpc, "proxy": pod.grpc}
        if kind is ClientKind.GRPC
        else {"direct": pod.triton_http, "proxy": pod.http}
    )
    clients = {way: client_of(kind, loopback(port), question, timeout_s=TIMEOUT_S) for way, port in ports.items()}
    assert pod.proxy_pid is not None
    try:
        for client in clients.values():
            await client.prepare()
        before = cpu_seconds(pod.proxy_pid)
        loads = [
            send(arrival_times(Poisson(rate=rate, seconds=seconds, seed=seed + index)), client)
            for index, client in enumerate(clients.values())
        ]
        summaries = {
            way: summarise(records) for way, records in zip(clients, await asyncio.gather(*loads), strict=True)
        }
        spent = cpu_seconds(pod.proxy_pid) - before
        peak = peak_mebibytes(pod.proxy_pid)
    finally:
        for client in clients.values():
            await client.close()
    return {
        "kind": kind.value,
        "count": {way: summary.count for way, summary in summaries.items()},
        "failed": {way: summary.failures for way, summary in summaries.items()},
        "p50_ms": {way: _ms(summary.p50) for way, summary in summaries.items()},
        "p99_ms": {way: _ms(summary.p99) for way, summary in summaries.items()},
        "ratio_p50": _ratio(summaries, "p50"),
        "ratio_p99": _ratio(summaries, "p99"),
        "proxy_cpu_us_per_request": round(spent / summaries["proxy"].count * 1e6),
        "proxy_peak_mib": peak,
        "doubts": [why for summary in summaries.values() if (why := doubt(summary)) is not None],
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)


def _ratio(summaries: dict[str, Summary], point: str) -> float | None:
    direct, proxy = (getattr(summaries[way], point) for way in ("direct", "proxy"))
    return round(proxy / direct, 3) if direct and proxy else None


def measure(binary: Path, libraries: str, installed: InstalledTriton, given: argparse.Namespace) -> None:
    root = Path(tempfile.mkdtemp(prefix="tritonup-proxy-"))
    pod: Pod | None = None
    try:
        model = write_sleeping_model(root, seconds=0, instances=4)
        sidecar = nginx(
            binary, libraries=libraries, connection_age_s=given.http_age, pre_stop_s=0, slowest_request_s=10
        )
        pod = Pod("both", LEAVING, model, installed, sidecar)
        pod.wait_until_ready()
        for run in range(given.runs):
            for kind in ClientKind:
                told = asyncio.run(_compare(pod, model, kind, given.rate, given.seconds, 10 * run))
                print(json.dumps({"run": run, **told}), flush=True)
    finally:
        if pod is not None:
            pod.end()
        shutil.rmtree(root, ignore_errors=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--libraries", default="")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=60)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--http-age", type=int, default=2)
    given = parser.parse_args(argv)
    installed = find_installed(PROJECT)
    if isinstance(installed, str):
        sys.stderr.write(f"No Triton can be started here: {installed}.\n")
        return 1
    measure(given.binary, given.libraries, installed, given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
