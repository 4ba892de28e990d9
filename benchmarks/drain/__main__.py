"""How many requests a disruption costs, with our pods and with the settings that peers ship.

    python -m benchmarks.drain measure     root, Linux; some 45 minutes
    python -m benchmarks.drain page        the table and the plot in docs/, from results.json

`measure` boots the cluster in a box (or uses the one that is up), deploys every setting beside the others, and does a
round of disruptions, again and again: each to all settings at the same moment and under the same load. Every run is
written to results.json as it ends; started again, it goes on with the runs that are missing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.drain.disturbances import TITLES, Kind
from benchmarks.drain.peers import PEERS
from benchmarks.drain.results import FILE, About, read_about, read_runs, write_results
from benchmarks.drain.run import Run, run
from benchmarks.printed import Printed
from local.cluster.errors import ClusterError

ONCE = (Kind.RECLAIM_LONG,)
"""It takes two minutes more and differs from the short notice in nothing but that."""

ROUND = (Kind.ROLL, Kind.SCALE_IN, Kind.DRAIN, Kind.DRAIN_GRPC, Kind.DRAIN_LATE, Kind.CRASH, Kind.RECLAIM, *ONCE)
"""A rollout first: it brings pods that have drifted to one node apart again."""

MEASURED = ("triton-onprem", "kserve", "ai-on-eks")
"""deploy/gcp and deploy/aws leave exactly as deploy/k8s-onprem does, and the two cores carry no fifth load."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure", help="run what is missing in results.json")
    measure.add_argument("--rounds", type=int, default=5, help="runs of each disruption (5)")
    measure.add_argument("--rate", type=float, default=22, help="requests a second of each client and setting (22)")
    measure.add_argument("--kinds", nargs="+", default=[kind.value for kind in ROUND], choices=list(Kind))
    measure.add_argument("--peers", nargs="+", default=list(MEASURED), choices=[one.key for one in PEERS])
    measure.add_argument("--minutes", type=float, default=240, help="begin no run after so long")
    measure.add_argument("--file", type=Path, default=FILE, help="another results file, for a trial")
    measure.add_argument("--down", action="store_true", help="end the cluster afterwards")
    page = commands.add_parser("page", help="write the table and the plot")
    page.add_argument("--file", type=Path, default=FILE, help="another results file")
    given = parser.parse_args(argv)
    if given.command == "page":
        from benchmarks.drain.page import write_page

        write_page(given.file)
        return 0
    return _measure(given)


def missing_runs(runs: Sequence[Run], rounds: int, kinds: Sequence[Kind]) -> list[tuple[Kind, int]]:
    """By rounds: each kind once, then each again, but for those of `ONCE`."""
    done = {(run.kind, run.number) for run in runs}
    wanted = [(kind, number) for number in range(rounds) for kind in kinds if number == 0 or kind not in ONCE]
    return [(kind, number) for kind, number in wanted if (kind.value, number) not in done]


def with_aborted(common: About, kind: Kind, number: int, why: str) -> About:
    """`common` with one more run that came to nothing, because the cluster did not come to where it should."""
    entry = {"kind": kind.value, "number": number, "why": why.splitlines()[0]}
    return {**common, "aborted": [*common.get("aborted", []), entry]}


def disturbed(run: Run) -> str | None:
    """Why the requests that `run` lost are not those of its disruption: a server ended that nobody had ended. Where
    that is what was done, as in a crash, it is no reason."""
    if run.kind == Kind.CRASH.value or not run.restarts:
        return None
    lost = {key: sum(sum(cell.lost.values()) for cell in run.cells if cell.settings == key) for key in run.restarts}
    return "a server of " + ", ".join(f"{key} (lost {count})" for key, count in lost.items()) + " ended by itself"


def _measure(given: argparse.Namespace) -> int:
    # Here, because the SDK that renders takes seconds to import.
    from benchmarks.drain.about import about
    from benchmarks.drain.disturbances import prepare
    from benchmarks.drain.site import raise_site
    from local.cluster.boot import down

    progress = Printed()
    ends = time.monotonic() + 60 * given.minutes
    runs = read_runs(given.file)
    missing = missing_runs(runs, given.rounds, [Kind(kind) for kind in given.kinds])
    progress.note(f"{len(runs)} runs are in {given.file}, {len(missing)} are missing")
    if not missing:
        return 0
    site, deployed = raise_site([one for one in PEERS if one.key in given.peers], progress)
    common = read_about(given.file) or about(site, deployed)
    for index, (kind, number) in enumerate(missing, start=1):
        if time.monotonic() > ends:
            progress.note("no time for another run; the same command goes on from here")
            return 1
        with progress.step(f"[{index}/{len(missing)}] preparing {kind} {number}"):
            prepare(kind, site, deployed)
        with progress.step(f"[{index}/{len(missing)}] {kind} {number}: {TITLES[kind]}"):
            try:
                runs.append(run(kind, number, site, deployed, rate=given.rate))
            except ClusterError as why:
                # Not silently: who reads the results must know what was left out of them.
                write_results(with_aborted(common, kind, number, str(why)), runs, given.file)
                raise
        if (why := disturbed(runs[-1])) is not None:
            common = with_aborted(common, kind, number, why)
            progress.note(f"    {why}; the same command makes this run again")
            runs.pop()
            write_results(common, runs, given.file)
            continue
        write_results(common, runs, given.file)
        for cell in runs[-1].cells:
            lost = sum(cell.lost.values())
            doubt = " (doubted)" if cell.doubt else ""
            progress.note(
                f"    {cell.settings:14} {cell.client:11} {lost:4} of {cell.sent:5} lost{doubt} {cell.lost or ''}"
            )
    if given.down:
        down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
