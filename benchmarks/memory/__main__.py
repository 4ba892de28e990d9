"""Measure every case on the real Triton of this machine, or only ask planning again; then write results and page."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.memory.cases import PROJECT, Case, cases, generate
from benchmarks.memory.page import write_page
from benchmarks.memory.results import Measured, Results, measured, read_results, said_of, write_results
from benchmarks.memory.servers import REQUESTS, measure, patiently
from local.installed import RELEASE, InstalledTriton, find_installed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument(
        "command",
        nargs="?",
        choices=("measure", "estimate", "page"),
        default="measure",
        help="estimate: keep what was measured, and ask planning again; page: write the page alone",
    )
    parser.add_argument("--only", nargs="*", default=[], help="measure these cases alone, and keep the others")
    asked = parser.parse_args()
    if asked.command != "page":
        with tempfile.TemporaryDirectory(prefix="memory-benchmark-") as folder:
            generated = Path(folder)
            generate(generated)
            every = cases(generated)
            write_results(_again(every) if asked.command == "estimate" else _measured(every, asked.only))
    write_page(read_results())


def _again(every: tuple[Case, ...]) -> Results:
    results = read_results()
    now = {case.name: said_of(case) for case in every}
    kept = tuple(one.model_copy(update={"said": now[one.name]}) for one in results.cases)
    return results.model_copy(update={"cases": kept})


def _measured(every: tuple[Case, ...], only: list[str]) -> Results:
    """What is done is written after each case: on a busy machine the rest can be measured later."""
    installed = find_installed(PROJECT)
    if isinstance(installed, str):
        sys.exit(f"{installed}: make .venv-triton/.ready")
    done = {one.name: one for one in read_results().cases} if only else {}
    made = _results(every, done, installed)
    for case in every:
        if only and case.name not in only:
            continue
        done[case.name] = measured(case, patiently(lambda case=case: measure(case, installed)))
        total, ratio = done[case.name].asked.total, done[case.name].ratio
        print(f"{case.name}: {total / 2**20:.0f} MiB, planned {ratio:.2f} of it", flush=True)
        made = _results(every, done, installed)
        write_results(made)
    return made


def _results(every: tuple[Case, ...], done: Mapping[str, Measured], installed: InstalledTriton) -> Results:
    return Results(
        on=datetime.now(UTC).date().isoformat(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        versions={"Triton": RELEASE, **_versions(installed)},
        requests=REQUESTS,
        cases=tuple(done[case.name] for case in every if case.name in done),
    )


def _versions(installed: InstalledTriton) -> dict[str, str]:
    """Of what the stubs run."""
    packages = "onnxruntime.__version__, numpy.__version__, platform.python_version()"
    ask = f"import onnxruntime, numpy, platform; print({packages})"
    told = subprocess.run([str(installed.python), "-c", ask], capture_output=True, text=True, check=True)
    return dict(zip(("ONNX Runtime", "numpy", "Python"), told.stdout.split(), strict=True))


if __name__ == "__main__":
    main()
