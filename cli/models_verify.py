"""`tritonup models verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.console import Exit, out
from cli.destinations import complain, open_store, repository_of, stop, whole_digest
from cli.models_options import AsJson, Digest, Servers, Stack, StoreUrl, failed, print_json
from cli.models_served import served_sets
from cli.models_view import verified_data
from cli.project import deployable, project_root
from cli.transfers import bar
from planning.signing import plan_trust
from publishing.store import StoreError
from publishing.verifying import Verified, verify


def verify_models(
    stack: Stack,
    servers: Servers = None,
    digest: Digest = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Signatures, names and sizes only; do not read the files.")
    ] = False,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Say whether what the stack would serve is published, whole and signed. Run it before `pulumi up`."""
    root = project_root()
    repository = repository_of(root, stack)
    trust = plan_trust(repository)
    results: list[Verified] = []
    try:
        at = open_store(repository, store)
        if digest is not None:
            if servers is None or len(servers) != 1:
                stop("--digest is of one server: name it.")
            wanted = [(servers[0], whole_digest(at, servers[0], digest), 0)]
        else:
            planned = served_sets(deployable(root, stack), servers)
            wanted = [(name, served.digest, served.total_bytes) for name, served in planned]
        for name, whole, total in wanted:
            with bar(f"verifying {name}", total) as advance:
                results.append(verify(at, name, whole, trust, contents=not quick, advance=advance))
    except StoreError as refused:
        failed(refused, {"servers": [verified_data(one) for one in results]}, as_json)
    status = Exit.FINDINGS if any(one.findings for one in results) else Exit.CLEAN
    if as_json:
        print_json({"exit": status, "servers": [verified_data(one) for one in results]})
    else:
        for one in results:
            if one.signed and not one.findings:
                what = f"as signed by {one.signed.name}" + (", contents not read" if quick else "")
                out.print(f"{one.server} {one.digest}\n  {what}", markup=False)
            for finding in one.findings:
                complain(str(finding))
    raise typer.Exit(status)
