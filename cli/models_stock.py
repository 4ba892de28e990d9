"""`tritonup models list` and `gc`: what a destination holds, and what of it may go."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column

from cli.console import Exit, out
from cli.destinations import named_by_stacks, open_store, repository_of, stop
from cli.models_options import AsJson, Servers, Stack, StoreUrl, failed, print_json
from cli.models_view import DIGITS, decision_data, decision_table, held_data, size, table
from cli.project import project_root
from planning.signing import plan_trust
from publishing.layout import read_layout
from publishing.removing import remove, versions
from publishing.retention import GRACE, NEWEST, decide
from publishing.store import StoreError
from publishing.trusting import Trusted, trusted


def list_models(stack: Stack, servers: Servers = None, store: StoreUrl = None, as_json: AsJson = False) -> None:
    """Show what is published: since when, how large, signed by whom, named by which stacks of this project."""
    root = project_root()
    repository = repository_of(root, stack)
    trust = plan_trust(repository)
    named = named_by_stacks(root).by
    try:
        at = open_store(repository, store)
        layout = [held for held in read_layout(at.list()).values() if not servers or held.server in servers]
        signed = {(held.server, held.digest): trusted(at, held, trust) for held in layout}
    except StoreError as refused:
        failed(refused, {}, as_json)
    layout.sort(key=lambda held: (held.server, -held.changed.timestamp()))
    if as_json:
        rows = [
            held_data(held, signed[held.server, held.digest], named.get((held.server, held.digest), ()))
            for held in layout
        ]
        print_json({"exit": 0, "published": rows})
        return
    shown = table(
        "Server", Column("Digest", no_wrap=True), "Published (UTC)", "Size", "Models", "Signed by", "Named by"
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
        )
    out.print(shown, soft_wrap=False)


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
    stacks_name_all: Annotated[
        bool, typer.Option("--stacks-name-all", help="Nothing runs but what stack files name: no --in-use is needed.")
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
    serving = _in_use(in_use or ())
    if delete and not in_use and not stacks_name_all:
        stop("--delete needs to know what runs: give --in-use FILE for each cluster, or say --stacks-name-all.")
    notes: dict[tuple[str, str], str] = {}
    try:
        at = open_store(repository, store)
        now = datetime.now(UTC)
        decisions = decide(
            versions(at),
            named=named.by.keys(),
            serving=serving,
            now=now,
            grace=timedelta(days=grace_days),
            newest=keep,
        )
        for decision in decisions if delete else ():
            if decision.goes:
                gone = remove(at, decision.version, now).bytes
                notes[decision.version.identity] = "removed" if gone is not None else "left: it was pushed just now"
    except StoreError as refused:
        failed(refused, {}, as_json)
    if as_json:
        print_json({"exit": 0, "deleted": delete, "decisions": [decision_data(one) for one in decisions]})
        return
    out.print(decision_table(decisions, notes), soft_wrap=False)
    going = [one for one in decisions if one.goes]
    verb = "were removed" if delete else "would go; --delete removes them"
    out.print(f"{len(going)} of {len(decisions)} ({size(sum(one.version.total_bytes for one in going))}) {verb}.")


def _in_use(files: Sequence[Path]) -> frozenset[str]:
    found: set[str] = set()
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
        found.update(digests)
    return frozenset(found)
