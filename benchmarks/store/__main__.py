"""Measure: publish files to MinIO on this machine, fetch them with each tool in turn, write results and page.

Some fifteen minutes, 15 GB of disk and 5 GB of memory. The link's rows need root, `ip` and `tc`. Waits while a file
says that somebody else measures on this machine (`--wait-for FILE`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.store.link import NEAR_ADDRESS, limit, link, possible, within
from benchmarks.store.page import PAGE, RESULTS, page, read_results
from benchmarks.store.publication import Publication, make_key, publish
from benchmarks.store.tools import AWS, CHECKED, IN_PODS, OURS, OWN, RCLONE, TUNED, Tools, aws_command
from local.object_stores import LOOPBACK, MINIO, program, start_minio
from local.object_stores import RCLONE as RCLONE_PROGRAM

SMALL = [400, 120, 60, 20, *[1] * 20]
"""MiB of each file: an engine, an encoder, some smaller models, their tokenizers and vocabularies."""

LARGE = [1536, 1536, 512, 256, 128, 64, *[8] * 8]
"""MiB: two language models' weights in halves, and what goes with them."""

REGION = "us-east-1"
_ALL = (OURS, IN_PODS, OWN, RCLONE, TUNED, CHECKED, AWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`rounds` are those of a whole measurement; `link` is in Gbit/s."""

    name: str
    sizes: Sequence[int]
    tools: Sequence[str]
    rounds: int
    link: float | None = None
    into_memory: bool = False


MEMORY = Path("/dev/shm")
"""A file system in memory (shm_overview(7))."""

SETTINGS = (
    Setting(name="loopback", sizes=SMALL, tools=_ALL, rounds=7),
    Setting(name="link", sizes=SMALL, tools=_ALL, rounds=5, link=5),
    Setting(name="large", sizes=LARGE, tools=_ALL, rounds=3, into_memory=True),
    Setting(name="large-link", sizes=LARGE, tools=_ALL, rounds=3, link=2.5, into_memory=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    parser.add_argument("--rounds", type=int, help="of each setting; left out, 7, 5, 3 and 3")
    parser.add_argument("--only", choices=[setting.name for setting in SETTINGS], help="print it, and write nothing")
    parser.add_argument("--wait-for", type=Path, help="wait before each round while this file is there")
    parser.add_argument("command", nargs="?", choices=("measure", "page"), default="measure")
    asked = parser.parse_args()
    if asked.command == "measure":
        settings = [setting for setting in SETTINGS if asked.only in {None, setting.name}]
        with tempfile.TemporaryDirectory(prefix="store-benchmark-") as folder:
            results = measure(Path(folder), settings, asked.rounds, asked.wait_for)
        if asked.only:
            print(page(results))
            return
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(page(read_results()), encoding="utf-8")


def measure(folder: Path, settings: Sequence[Setting], rounds: int | None, wait_for: Path | None) -> Mapping[str, Any]:
    minio, rclone = program(MINIO), program(RCLONE_PROGRAM)
    if isinstance(minio, str) or isinstance(rclone, str):
        sys.exit("MinIO or rclone is not built here: python -m local.object_stores minio rclone")
    (folder / "minio").mkdir()
    linked = possible()
    address = NEAR_ADDRESS if linked else LOOPBACK
    with link() if linked else nullcontext():
        running = start_minio(minio, folder / "minio", address=address)
        try:
            os.environ.update(running.environment)
            os.environ.update(NO_PROXY=address, no_proxy=address)
            tools = Tools(
                folder=folder, out=folder / "out", running=running, region=REGION, rclone=rclone, aws=aws_command()
            )
            key = make_key(folder, REGION)
            published: dict[tuple[int, ...], Publication] = {}
            measured: list[Mapping[str, Any]] = []
            for setting in settings:
                if setting.link and not linked:
                    _say(f"{setting.name}: left out, it needs root, ip and tc")
                    continue
                if setting.link:
                    limit(setting.link)
                sizes = tuple(setting.sizes)
                if sizes not in published:
                    _say(f"publishing {sum(sizes)} MiB")
                    published[sizes] = publish(sizes, folder, running, key)
                    tools.upload(published[sizes])
                measured.append(_measured(setting, tools, published[sizes], rounds or setting.rounds, wait_for))
        finally:
            running.stop()
    return {
        "on": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "versions": {**tools.versions(), "python": platform.python_version()},
        "settings": measured,
    }


def _measured(
    setting: Setting, tools: Tools, wanted: Publication, rounds: int, wait_for: Path | None
) -> Mapping[str, Any]:
    if setting.into_memory:
        with tempfile.TemporaryDirectory(prefix="store-benchmark-", dir=MEMORY) as folder:
            return _rounds(setting, replace(tools, out=Path(folder) / "out"), wanted, rounds, wait_for)
    return _rounds(setting, tools, wanted, rounds, wait_for)


def _rounds(
    setting: Setting, tools: Tools, wanted: Publication, rounds: int, wait_for: Path | None
) -> Mapping[str, Any]:
    measured: list[Mapping[str, Any]] = []
    for number in range(rounds):
        order = list(setting.tools)
        random.Random(number).shuffle(order)
        while wait_for is not None and wait_for.exists():
            time.sleep(10)
        before = os.getloadavg()[0]
        runs = {tool: _timed(tool, setting, tools, wanted) for tool in order}
        load = (round(before, 1), round(os.getloadavg()[0], 1))
        measured.append({"order": order, "runs": {tool: runs[tool] for tool in setting.tools}, "load": load})
        seconds = ", ".join(f"{tool} {runs[tool]['seconds']:.2f}" for tool in setting.tools)
        _say(f"{setting.name}, round {number + 1} of {rounds}: {seconds}")
    about = {"name": setting.name, "link": setting.link, "into_memory": setting.into_memory}
    return {**about, "files": wanted.files, "bytes": wanted.bytes, "rounds": measured}


def _timed(tool: str, setting: Setting, tools: Tools, wanted: Publication) -> Mapping[str, float]:
    """`cpu` is the tool's, user and system, with its children; `store_cpu` is MinIO's meanwhile."""
    command, at = tools.command(tool, wanted)
    shutil.rmtree(tools.out, ignore_errors=True)
    os.sync()
    store_before = _cpu_of(tools.running.process.pid)
    begun = time.perf_counter()
    process = subprocess.Popen(
        within(command) if setting.link else command, cwd=at, stdout=subprocess.DEVNULL, env=_environment()
    )
    _, process.returncode, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    store_cpu = _cpu_of(tools.running.process.pid) - store_before
    assert process.returncode == 0, f"{tool} failed"
    got = sum(path.stat().st_size for path in tools.out.rglob("*") if path.is_file() and path.suffix != ".json")
    assert got == wanted.bytes, f"{tool} fetched {got} of {wanted.bytes} bytes"
    shutil.rmtree(tools.out)
    cpu = used.ru_utime + used.ru_stime
    return {"seconds": round(seconds, 3), "cpu": round(cpu, 3), "store_cpu": round(store_cpu, 2)}


def _environment() -> Mapping[str, str]:
    """As users have it: modules that are compiled once."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _cpu_of(process: int) -> float:
    """User and system seconds so far (proc(5), /proc/pid/stat)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
