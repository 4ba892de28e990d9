"""`tritonup models diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.console import Exit, out, print_table
from cli.destinations import complain, open_store, stop, whole_digest
from cli.models_options import AsJson, Stack, StoreUrl, failed, print_json
from cli.models_served import served_sets
from cli.models_view import table
from cli.project import deployable, project_root
from cli.transfers import size
from planning.signing import plan_trust
from publishing.comparing import differences
from publishing.layout import Held, read_layout
from publishing.store import Store, StoreError
from publishing.trusting import Trusted, trusted


def diff_models(
    server: Annotated[str, typer.Argument(help="The server.")],
    stack: Stack,
    digest: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Compare with this one; left out, the one published last.")
    ] = None,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Compare the models here with a published digest. Exits 1 where they differ."""
    loaded = deployable(project_root(), stack)
    repository = loaded.plan.settings.model_repository
    ((_, served),) = served_sets(loaded, [server])
    try:
        at = open_store(repository, store)
        held = _held(at, server, digest)
        signed = trusted(at, held, plan_trust(repository))
    except StoreError as refused:
        failed(refused, {}, as_json)
    if not isinstance(signed, Trusted):
        for finding in signed:
            complain(str(finding))
        raise typer.Exit(Exit.FINDINGS)
    found = differences(served, signed.statement)
    status = Exit.FINDINGS if found else Exit.CLEAN
    if as_json:
        rows = [
            {
                "model": one.model,
                "path": one.path,
                "change": str(one.change),
                "was_bytes": one.was,
                "now_bytes": one.now,
            }
            for one in found
        ]
        print_json({"exit": status, "published": held.digest, "here": served.digest, "differences": rows})
        raise typer.Exit(status)
    if not found:
        out.print(f"{server} is as published: {held.digest}", markup=False)
        return
    shown = table("Model", "File", "Change", "Was", "Is")
    for one in found:
        was, now = ("" if amount is None else size(amount) for amount in (one.was, one.now))
        shown.add_row(one.model, one.path.partition("/")[2], str(one.change), was, now)
    out.print(f"published {held.digest}\nhere      {served.digest}", markup=False)
    print_table(shown)
    raise typer.Exit(status)


def _held(store: Store, server: str, digest: str | None) -> Held:
    layout = read_layout(store.list(server))
    if digest is not None:
        whole = whole_digest(store, server, digest)
        return layout.get((server, whole), Held(server=server, digest=whole))
    published = [held for held in layout.values() if held.since is not None]
    if not published:
        stop(f"Nothing is published of {server!r} in {store.url}.", Exit.FINDINGS)
    return max(published, key=lambda held: held.since or held.changed)
