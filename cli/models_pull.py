"""`tritonup models pull`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.destinations import complain, open_store, repository_of, whole_digest
from cli.ends import Exit
from cli.models_options import AsJson, Digest, Stack, StoreUrl, failed, print_json
from cli.project import deployable, project_root
from cli.transfers import bar, finding_data, size
from planning.signing import plan_trust
from publishing.pulling import PullError, RefusedError, pull
from publishing.store import StoreError


def pull_models(
    server: Annotated[str, typer.Argument(help="The server whose models are wanted.")],
    stack: Stack,
    into: Annotated[Path, typer.Option("--out", file_okay=False, help="Where to; they come to <out>/SERVER/DIGEST.")],
    digest: Digest = None,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a published digest and verify it, whole or not at all. Goes on where an earlier pull was ended."""
    root = project_root()
    repository = repository_of(root, stack)
    try:
        at = open_store(repository, store)
        total = None
        if digest is None:
            from cli.models_served import served_sets  # all of planning

            ((_, served),) = served_sets(deployable(root, stack), [server])
            whole, total = served.digest, served.total_bytes
        else:
            whole = whole_digest(at, server, digest)
        with bar(f"pulling {server}", total) as advance:
            pulled = pull(at, server, whole, into.absolute(), plan_trust(repository), advance)
    except RefusedError as refused:
        if as_json:
            print_json({"exit": Exit.FINDINGS, "findings": [finding_data(one) for one in refused.findings]})
            raise typer.Exit(Exit.FINDINGS) from None
        for finding in refused.findings:
            complain(str(finding))
        raise typer.Exit(Exit.FINDINGS) from None
    except (PullError, StoreError) as refused:
        failed(refused, {}, as_json)
    if as_json:
        data = {
            "server": pulled.server,
            "digest": pulled.digest,
            "directory": str(pulled.directory),
            "signed_by": pulled.signed_by,
            "already": pulled.already,
            "fetched_bytes": pulled.fetched,
        }
        print_json({"exit": 0, **data})
        return
    did = "was there already, as it was signed" if pulled.already else f"fetched {size(pulled.fetched)}"
    typer.echo(f"{pulled.directory}\n  {did}; signed by {pulled.signed_by}")
