"""What batching is worth, and whether `tritonup profile` foresees it: a model's configs side by side in one run.

    python -m benchmarks.profile measure     minutes for each model, on a machine that does nothing else
    python -m benchmarks.profile page        the tables and the curves in docs/, from results.json

`measure` profiles each model without `dynamic_batching`, as Triton runs a config that does not mention it, takes the
proposal, and looks for the greatest Poisson rate at which 99 of 100 requests are answered in time: with that config,
with the proposal, and with the config as committed, each asked a load in turn.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.printed import Printed
from benchmarks.profile.results import FILE, read_results, write_results

PROJECT = Path(__file__).resolve().parents[2]

WITHIN = {"digits": 0.05, "topic_head": 0.05, "text_pooling": 0.05, "text_tokenizer": 0.05, "text_encoder": 0.2}
"""Seconds at p99: far above one execution, so that what other processes of the machine cost decides little."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.profile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure", help="measure every model again")
    measure.add_argument("--models", nargs="+", default=list(WITHIN), choices=list(WITHIN))
    measure.add_argument("--rounds", type=int, default=3, help="searches for each model (3)")
    measure.add_argument("--load", type=float, default=4, help="seconds of each load (4)")
    measure.add_argument("--profile", type=float, default=60, help="seconds of loads of each profile (60)")
    measure.add_argument("--within", type=float, help="seconds at p99, for each model; left out, as WITHIN says")
    measure.add_argument("--file", type=Path, default=FILE, help="another results file, for a trial")
    page = commands.add_parser("page", help="write the tables and the curves")
    page.add_argument("--file", type=Path, default=FILE, help="another results file")
    given = parser.parse_args(argv)
    if given.command == "page":
        from benchmarks.profile.page import write_page

        write_page(given.file)
        return 0
    return _measure(given)


def _measure(given: argparse.Namespace) -> int:
    # Here, because the SDK that renders takes seconds to import.
    from benchmarks.profile.run import run
    from cli.profile import this_processor
    from cli.serve import servers_of_stack
    from local.installed import find_installed
    from planning.repository.reader import read_repository

    progress = Printed()
    installed = find_installed(PROJECT)
    if isinstance(installed, str):
        progress.note(f"No Triton can be started here: {installed}.")
        return 1
    (server,) = servers_of_stack("local", PROJECT)
    repository, _ = read_repository(PROJECT / "model_repository")
    _, runs = read_results(given.file)
    for name in given.models:
        done = run(
            repository.models[name],
            server.deployment,
            installed,
            within=given.within or WITHIN[name],
            hardware=this_processor(),
            rounds=given.rounds,
            load_s=given.load,
            profile_s=given.profile,
            progress=progress,
        )
        runs = [*(one for one in runs if one.model != name), done]
        about = {
            "measured": datetime.now(UTC).date().isoformat(),
            "cores": len(os.sched_getaffinity(0)),
            "processor": this_processor().name,
        }
        write_results(about, sorted(runs, key=lambda one: list(WITHIN).index(one.model)), given.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
