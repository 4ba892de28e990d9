"""What all runs of a results file have in common: the machine, the versions, the settings that ran."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.drain import model
from benchmarks.drain.deployments import CPU, Deployed
from benchmarks.drain.site import Site
from local.cluster.layout import PROJECT
from local.installed import RELEASE


def about(site: Site, deployed: Sequence[Deployed]) -> Mapping[str, Any]:
    return {
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            "processor": _processor(),
            "kernel": platform.release(),
        },
        "versions": {
            "tritonup": _commit(),
            "kubernetes": _kubernetes(site),
            "triton": RELEASE,
            "images": [image.by_digest for image in site.images],
            "tritonclient": version("tritonclient"),
            "aiohttp": version("aiohttp"),
            "grpcio": version("grpcio"),
            "python": platform.python_version(),
        },
        "model": {"seconds": model.SECONDS, "instances": model.INSTANCES, "batch": model.BATCH},
        "cpu_limit": CPU,
        "settings": [asdict(one.settings) for one in deployed],
    }


def _kubernetes(site: Site) -> str:
    return str(json.loads(site.cluster.kubectl.run("get", "--raw=/version"))["gitVersion"])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def _commit() -> str:
    """With a plus where the working tree differs from it."""
    git = ["git", "-C", str(PROJECT)]
    told = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    differs = subprocess.run([*git, "diff", "--quiet", "HEAD"], check=False).returncode != 0
    return f"{told[:12]}{'+' if differs else ''}" if told else "unknown"
