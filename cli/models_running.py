"""`tritonup models status`: which digests run where, how far each has come, and that written into ModelVersions.

Nothing of ours runs in a cluster to keep those statuses new. Whoever rolls out records what came of it, and each status
says when it was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from cli.clusters import Clusters, NamedCluster, UnreadableError, named_clusters, read_cluster, record_status
from cli.console import Exit, out, print_table
from cli.destinations import stop
from cli.models_options import AsJson, Servers, failed, print_json
from cli.models_view import DIGITS, table
from planning.model_versions import Phase
from publishing.running import Running, running, status_of


def show_status(
    servers: Servers = None,
    cluster: Clusters = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write it into the ModelVersions' status, for `kubectl get`.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show which digest each server serves in the clusters that are named. Exits 1 where one has failed."""
    clusters = named_clusters(cluster)
    if not clusters:
        stop("Which clusters? Name each with --cluster KUBECONFIG.")
    rows: list[Running] = []
    try:
        for one in clusters:
            found = [row for row in running(read_cluster(one)) if not servers or row.server in servers]
            rows += found
            if record:
                _record(one, found)
    except UnreadableError as refused:
        failed(refused, {"running": [running_data(row) for row in rows]}, as_json)
    bad = any(row.look and row.look.phase is Phase.FAILED for row in rows)
    status = Exit.FINDINGS if bad else Exit.CLEAN
    if as_json:
        print_json({"exit": status, "running": [running_data(row) for row in rows]})
    else:
        print_table(_table(rows))
        for row in rows:
            if row.look and row.look.message:
                out.print(f"{row.server} {row.digest[:DIGITS]}: {row.look.reason}: {row.look.message}", markup=False)
    raise typer.Exit(status)


def _record(cluster: NamedCluster, rows: Sequence[Running]) -> None:
    now = datetime.now(UTC)
    for row in rows:
        if row.look is not None:
            for version in row.versions:
                record_status(cluster, version, status_of(row.look, row.digest, now))


def phase_of(row: Running) -> str:
    """In a word or two."""
    if row.look is None:
        return "for rollback"
    return f"{row.look.phase} {row.look.ready}/{row.look.pods}" if row.look.pods else str(row.look.phase)


def running_data(row: Running) -> dict[str, Any]:
    look = row.look
    return {
        "cluster": row.cluster,
        "namespace": row.namespace,
        "server": row.server,
        "digest": row.digest,
        "models": list(row.models),
        "phase": str(look.phase) if look else None,
        "pods": look.pods if look else 0,
        "ready": look.ready if look else 0,
        "reason": look.reason if look else "",
        "message": look.message if look else "",
    }


def _table(rows: Sequence[Running]) -> Table:
    shown = table("Cluster", "Namespace", "Server", Column("Digest", no_wrap=True), "Phase", "Models")
    for row in rows:
        shown.add_row(row.cluster, row.namespace, row.server, row.digest[:DIGITS], phase_of(row), ", ".join(row.models))
    return shown
