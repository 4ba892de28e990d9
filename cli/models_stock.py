"""`tritonup models list` and `gc`: what a destination holds, and what of it may go."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column

from cli.clusters import Clusters, UnreadableError, named_clusters, read_cluster
from cli.clusters_seen import all_are_seen, look_at_all, readers_of
from cli.console import Exit, out, print_table
from cli.destinations import open_store, repository_of, stop
from cli.models_options import AsJson, Servers, Stack, StoreUrl, failed, print_json
from cli.models_running import phase_of
from cli.models_view import DIGITS, decision_data, decision_table, held_data, table
from cli.named_digests import named_by_stacks
from cli.project import project_root
from cli.transfers import size
from planning.signing import plan_trust
from publishing.layout import Identity, read_layout
from publishing.removing import remove, versions
from publishing.retention import GRACE, NEWEST, decide
from publishing.running import holders, running
from publishing.store import StoreError
from publishing.trusting import Trusted, trusted


def list_models(
    stack: Stack,
    servers: Servers = None,
    cluster: Clusters = None,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show what is published: since when, how large, signed by whom, named by which stacks of this project, and how it
    runs in the clusters that are named."""
    root = project_root()
    repository = repository_of(root, stack)
    trust = plan_trust(repository)
    named = named_by_stacks(root).by
    runs: defaultdict[Identity, list[str]] = defaultdict(list)
    try:
        for row in (row for one in named_clusters(cluster) for row in running(read_cluster(one))):
            runs[row.server, row.digest].append(f"{row.cluster} {row.namespace}: {phase_of(row)}")
        at = open_store(repository, store)
        layout = [held for held in read_layout(at.list()).values() if not servers or held.server in servers]
        signed = {(held.server, held.digest): trusted(at, held, trust) for held in layout}
    except (StoreError, UnreadableError) as refused:
        failed(refused, {}, as_json)
    layout.sort(key=lambda held: (held.server, -held.changed.timestamp()))
    if as_json:
        rows = [
            {
                **held_data(held, signed[held.server, held.digest], named.get((held.server, held.digest), ())),
                **({"runs": runs[held.server, held.digest]} if cluster else {}),
            }
            for held in layout
        ]
        print_json({"exit": 0, "published": rows})
        return
    shown = table(
        "Server",
        Column("Digest", no_wrap=True),
        "Published (UTC)",
        "Size",
        "Models",
        "Signed by",
        "Named by",
        *(("Runs",) if cluster else ()),
    )
    for held in layout:
        believed = signed[held.server, held.digest]
        good = isinstance(believed, Trusted)
        shown.add_row(
            held.server,
            held.digest[:DIGITS],
            f"{held.since:%Y-%m-%d %H:%M}" if held.since else "not whole",
            size(held.total_bytes),
            ", ".join(believed.statement.models) if good else "",
            believed.name if good else ", ".join(sorted({one.rule.id for one in believed})),
            ", ".join(named.get((held.server, held.digest), ())),
            *((", ".join(runs[held.server, held.digest]),) if cluster else ()),
        )
    print_table(shown)


def collect_garbage(
    stack: Stack,
    in_use: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            allow_dash=True,
            help="What `kubectl get deployments,replicasets,pods -A -o json` printed of a cluster (-: standard input).",
        ),
    ] = None,
    cluster: Clusters = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without", metavar="STACK", help="This stack runs in no cluster, or in one of an --in-use FILE."
        ),
    ] = None,
    stacks_name_all: Annotated[
        bool, typer.Option("--stacks-name-all", help="Nothing runs but what stack files name: no cluster is asked.")
    ] = False,
    grace_days: Annotated[int, typer.Option(metavar="DAYS", min=1, help="Keep what is younger.")] = GRACE.days,
    keep: Annotated[int, typer.Option(metavar="COUNT", min=1, help="Keep the newest of each server.")] = NEWEST,
    delete: Annotated[bool, typer.Option("--delete", help="Remove them; without, say what would go.")] = False,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Retire published digests that nothing names and nothing serves. Says what would go, until told to --delete."""
    root = project_root()
    repository = repository_of(root, stack)
    named = named_by_stacks(root)
    if named.untold:
        stop(
            f"What the stacks {', '.join(named.untold)} serve cannot be told, so that nothing is safe to remove:"
            " `tritonup check` says why.",
            Exit.FINDINGS,
        )
    clusters = named_clusters(cluster)
    readers = readers_of(named, repository.destination, without or ())
    if delete and not in_use and not clusters and not stacks_name_all:
        stop(
            "--delete needs to know what runs: name each cluster with --cluster KUBECONFIG, give --in-use FILE of it,"
            " or say --stacks-name-all."
        )
    in_files = _in_use(in_use or ())
    notes: dict[tuple[str, str], str] = {}
    try:
        seen = look_at_all(clusters)
        if delete and clusters:
            all_are_seen(readers, seen)
        serving = {**in_files, **holders(seen)}
        at = open_store(repository, store)
        now = datetime.now(UTC)
        decisions = list(
            decide(
                versions(at),
                named=named.by.keys(),
                serving=serving,
                now=now,
                grace=timedelta(days=grace_days),
                newest=keep,
            )
        )
        for index, decision in enumerate(decisions if delete else ()):
            # Anew before each: a rollback may have begun since, and what cannot be told now must not go either.
            if decision.goes and (by := holders(look_at_all(clusters)).get(decision.version.digest)) is not None:
                decisions[index] = replace(decision, goes=False, why=by)
            elif decision.goes:
                gone = remove(at, decision.version, now).bytes
                notes[decision.version.identity] = "removed" if gone is not None else "left: it was pushed just now"
    except (StoreError, UnreadableError) as refused:
        done = [digest for (_, digest), note in notes.items() if note == "removed"]
        before = f"Before that, {len(done)} were removed." if done else "Nothing was removed."
        failed(StoreError(f"{refused} {before}"), {"removed": done}, as_json)
    if as_json:
        print_json({"exit": 0, "deleted": delete, "decisions": [decision_data(one) for one in decisions]})
        return
    print_table(decision_table(decisions, notes))
    going = [one for one in decisions if one.goes]
    verb = "were removed" if delete else "would go; --delete removes them"
    out.print(f"{len(going)} of {len(decisions)} ({size(sum(one.version.total_bytes for one in going))}) {verb}.")


def _in_use(files: Sequence[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in files:
        try:
            text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as refused:
            stop(f"--in-use: {path} cannot be read: {refused}.")
        digests = re.findall(r"/([0-9a-f]{64})(?![0-9a-f])", text)
        if not digests:
            stop(
                f"--in-use: {path} names no digest of a model repository. Is it what"
                " `kubectl get deployments,replicasets,pods -A -o json` printed? If nothing runs, leave it out."
            )
        found |= dict.fromkeys(digests, f"it is in use, as {path.name} says")
    return found
