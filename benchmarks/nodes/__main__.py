"""Nodes bought for a pod that waits for a GPU, with our pools and with those that peers document.

    python -m benchmarks.nodes measure     root, Linux; some 4 minutes for each setting and round
    python -m benchmarks.nodes page        the table in docs/, from results.json

`measure` boots the cluster in a box (or uses the one that is up) with the real Karpenter on it, whose nodes are objects
alone: ready as late after they are bought, and with a GPU as late after that, as was measured on EKS. Every run is
written to results.json as it ends; started again, it goes on with the runs that are missing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.nodes.results import FILE, read_results, write_results
from benchmarks.nodes.run import run
from benchmarks.nodes.settings import SETTINGS
from benchmarks.printed import Printed
from local.cluster.binaries import MANIFESTS, module_version
from local.cluster.boot import Cluster, down, up
from local.cluster.layout import LAYOUT
from local.cluster.record import read_record

REGION, ZONES = "us-east-1", ("us-east-1a", "us-east-1b", "us-east-1c")
MACHINES = ("g5.xlarge", "g5.2xlarge", "g5.4xlarge")
"""Those that stack prod's pools name, and that the peer's requirements mean of one GPU."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nodes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure", help="run what is missing in results.json")
    measure.add_argument("--rounds", type=int, default=1, help="runs of each setting (1)")
    measure.add_argument("--pods", type=int, default=20, help="pods of a run (20)")
    measure.add_argument("--file", type=Path, default=FILE, help="another results file, for a trial")
    page = commands.add_parser("page", help="write the table")
    page.add_argument("--file", type=Path, default=FILE, help="another results file")
    given = parser.parse_args(argv)
    if given.command == "page":
        from benchmarks.nodes.page import write_page

        write_page(given.file)
        return 0
    return _measure(given)


def _measure(given: argparse.Namespace) -> int:
    # Here, because the SDK that renders takes seconds to import.
    from benchmarks.nodes.pools import prod_node_pools
    from local.cluster.karpenter import karpenter
    from planning.catalogue import CATALOGUE

    progress = Printed()
    common, runs = read_results(given.file)
    done = {(one.settings, one.number) for one in runs}
    missing = [
        (settings, number)
        for number in range(given.rounds)
        for settings in SETTINGS
        if (settings.key, number) not in done
    ]
    progress.note(f"{len(runs)} runs are in {given.file}, {len(missing)} are missing")
    if not missing:
        return 0
    ours = prod_node_pools(given.pods)
    machines = [
        (machine, ZONES) for machine in CATALOGUE.machines if machine.cloud == "eks" and machine.name in MACHINES
    ]
    was_up = bool(read_record(LAYOUT).nodes)
    cluster = up(progress)
    try:
        common = common or _about(cluster)
        with (
            tempfile.TemporaryDirectory(prefix="tritonup-nodes-") as folder,
            karpenter(cluster.kubectl, machines, REGION, Path(folder), LAYOUT, progress) as buying,
        ):
            for settings, number in missing:
                with progress.step(f"{settings.title}, round {number}"):
                    found = run(
                        settings,
                        number,
                        given.pods,
                        ours=ours,
                        kubectl=cluster.kubectl,
                        buying=buying,
                        folder=Path(folder) / "account",
                    )
                runs.append(found)
                write_results(common, runs, given.file)
                progress.note(
                    f"    {found.bought} nodes for {found.pods} pods, {max(found.served_s):.0f} s at the most"
                )
    finally:
        if not was_up:
            down()
    return 0


def _about(cluster: Cluster) -> Mapping[str, Any]:
    return {
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "kubernetes": json.loads(cluster.kubectl.run("get", "--raw=/version"))["gitVersion"],
        "karpenter": module_version("sigs.k8s.io/karpenter", MANIFESTS / "karpenter" / "go.mod"),
    }


if __name__ == "__main__":
    sys.exit(main())
