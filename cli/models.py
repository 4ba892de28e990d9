"""`tritonup models`: what servers serve, published to where they read it, and looked after there.

Every command uses the network. Exit status: 0 all is well, 1 something is wrong with what is published or the command
could not do what it was asked for, 2 usage.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.console import Exit, out
from cli.destinations import complain, open_store, repository_of, stop, whole_digest
from cli.models_key import Key, make_key, signing_key
from cli.models_options import AsJson, Digest, Servers, Stack, StoreUrl, failed, print_json
from cli.models_rotate import rotate_model
from cli.models_running import show_status
from cli.models_stock import collect_garbage, list_models
from cli.models_versions import print_definition
from cli.models_view import bar, finding_data, pushed_data, pushed_line, size, table, verified_data
from cli.project import PlannedStack, deployable, project_root
from planning.engines.builder import published_sources
from planning.engines.orders import SOURCES
from planning.repository.served import ServedSet
from planning.signing import plan_trust
from publishing.comparing import differences
from publishing.layout import Held, read_layout
from publishing.pulling import PullError, RefusedError, pull
from publishing.pushing import PushError, push
from publishing.store import Store, StoreError
from publishing.trusting import Trusted, trusted
from publishing.verifying import Verified, verify

app = typer.Typer(help="What servers serve: published, signed, verified, fetched, retired.", no_args_is_help=True)
app.command("list")(list_models)
app.command("gc")(collect_garbage)
app.command("key")(make_key)
app.command("rotate")(rotate_model)
app.command("status")(show_status)
app.command("definition")(print_definition)


@app.command("push")
def push_models(
    stack: Stack, servers: Servers = None, key: Key = None, store: StoreUrl = None, as_json: AsJson = False
) -> None:
    """Publish what the stack's servers serve: whole, signed, never overwritten. Prints a digest for each.

    Without servers named, it publishes also what missing engines are built from, as `engine-sources`."""
    loaded = deployable(project_root(), stack)
    repository = loaded.plan.settings.model_repository
    trust = plan_trust(repository)
    signing = signing_key(key, trust)
    done: list[dict[str, Any]] = []
    for name, served in _served(loaded, servers):
        try:
            to = open_store(repository, store)
            with bar(f"pushing {name}", served.total_bytes) as advance:
                pushed = push(to, name, served, signing, trust, advance)
        except (PushError, StoreError) as refused:
            failed(refused, {"servers": done}, as_json)
        done.append(pushed_data(pushed))
        if not as_json:
            out.print(pushed_line(pushed), markup=False)
    if as_json:
        print_json({"exit": 0, "servers": done})


@app.command("verify")
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
            planned = _served(deployable(root, stack), servers)
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


@app.command("pull")
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
            ((_, served),) = _served(deployable(root, stack), [server])
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
    out.print(f"{pulled.directory}\n  {did}; signed by {pulled.signed_by}", markup=False)


@app.command("diff")
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
    ((_, served),) = _served(loaded, [server])
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
    out.print(shown, soft_wrap=False)
    raise typer.Exit(status)


def _served(loaded: PlannedStack, names: Sequence[str] | None) -> list[tuple[str, ServedSet]]:
    planned = {server.name: server.served for server in loaded.plan.servers}
    unknown = [name for name in names or () if name not in planned]
    if unknown:
        stop(f"The stack has no server {unknown[0]!r}. It has: {', '.join(planned)}.")
    sources = published_sources(loaded.plan.builder)
    return [
        *((SOURCES, sources[digest]) for digest in sorted(sources) if not names),
        *((name, served) for name, served in planned.items() if not names or name in names),
    ]


def _held(store: Store, server: str, digest: str | None) -> Held:
    layout = read_layout(store.list(server))
    if digest is not None:
        whole = whole_digest(store, server, digest)
        return layout.get((server, whole), Held(server=server, digest=whole))
    published = [held for held in layout.values() if held.since is not None]
    if not published:
        stop(f"Nothing is published of {server!r} in {store.url}.", Exit.FINDINGS)
    return max(published, key=lambda held: held.since or held.changed)
