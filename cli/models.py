"""`tritonup models`: what servers serve, published to where they read it, and looked after there.

Every command uses the network. Exit status: 0 all is well, 1 something is wrong with what is
published or the command could not do what it was asked for, 2 usage.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.table import Column

from cli.console import Exit, err, out
from cli.destinations import complain, named_by_stacks, open_store, repository_of, stop, whole_digest
from cli.models_view import (
    DIGITS,
    bar,
    decision_data,
    decision_table,
    finding_data,
    pushed_data,
    pushed_line,
    size,
    table,
    verified_data,
)
from cli.project import PlannedStack, deployable, project_root
from planning.repository.served import ServedSet
from planning.signing import Trust, plan_trust
from publishing.comparing import differences
from publishing.keys import KeyFileError, SigningKey, read_signing_key
from publishing.layout import Held, read_layout
from publishing.pulling import PullError, RefusedError, pull
from publishing.pushing import PushError, push
from publishing.removing import remove, versions
from publishing.retention import GRACE, NEWEST, decide
from publishing.store import Store, StoreError
from publishing.trusting import Trusted, trusted
from publishing.verifying import Verified, verify

app = typer.Typer(help="What servers serve: published, signed, verified, fetched, retired.", no_args_is_help=True)

Stack = Annotated[str, typer.Option("--stack", "-s", help="The stack.")]
Servers = Annotated[list[str] | None, typer.Argument(metavar="SERVER", help="Servers; left out, all of the stack.")]
StoreUrl = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="Another store than the stack's: s3://…, gs://… or file:///directory."),
]
Digest = Annotated[
    str | None,
    typer.Option(metavar="DIGEST", help="A published digest, 8 digits of it or more; left out, the planned one."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key", envvar="TRITONUP_SIGNING_KEY", metavar="FILE", help="The private key that signs (PEM, elliptic curve)."
    ),
]

PASSWORD = "TRITONUP_SIGNING_PASSWORD"  # noqa: S105  the name of a variable


@app.command("push")
def push_models(
    stack: Stack, servers: Servers = None, key: Key = None, store: StoreUrl = None, as_json: AsJson = False
) -> None:
    """Publish what the stack's servers serve: whole, signed, never overwritten. Prints a digest for each."""
    loaded = deployable(project_root(), stack)
    repository = loaded.plan.settings.model_repository
    trust = plan_trust(repository)
    signing = _signing_key(key, trust)
    done: list[dict[str, Any]] = []
    for name, served in _served(loaded, servers):
        try:
            to = open_store(repository, store)
            with bar(f"pushing {name}", served.total_bytes) as advance:
                pushed = push(to, name, served, signing, trust, advance)
        except (PushError, StoreError) as refused:
            _failed(refused, {"servers": done}, as_json)
        done.append(pushed_data(pushed))
        if not as_json:
            out.print(pushed_line(pushed), markup=False)
    if as_json:
        _print_json({"exit": 0, "servers": done})


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
        _failed(refused, {"servers": [verified_data(one) for one in results]}, as_json)
    status = Exit.FINDINGS if any(one.findings for one in results) else Exit.CLEAN
    if as_json:
        _print_json({"exit": status, "servers": [verified_data(one) for one in results]})
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
        total = 0
        if digest is None:
            ((_, served),) = _served(deployable(root, stack), [server])
            whole, total = served.digest, served.total_bytes
        else:
            whole = whole_digest(at, server, digest)
        with bar(f"pulling {server}", total) as advance:
            pulled = pull(at, server, whole, into.absolute(), plan_trust(repository), advance)
    except RefusedError as refused:
        if as_json:
            _print_json({"exit": Exit.FINDINGS, "findings": [finding_data(one) for one in refused.findings]})
            raise typer.Exit(Exit.FINDINGS) from None
        for finding in refused.findings:
            complain(str(finding))
        raise typer.Exit(Exit.FINDINGS) from None
    except (PullError, StoreError) as refused:
        _failed(refused, {}, as_json)
    if as_json:
        data = {
            "server": pulled.server,
            "digest": pulled.digest,
            "directory": str(pulled.directory),
            "signed_by": pulled.signed_by,
            "already": pulled.already,
            "fetched_bytes": pulled.fetched,
        }
        _print_json({"exit": 0, **data})
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
        _failed(refused, {}, as_json)
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
        _print_json({"exit": status, "published": held.digest, "here": served.digest, "differences": rows})
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


@app.command("list")
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
        _failed(refused, {}, as_json)
    layout.sort(key=lambda held: (held.server, -held.changed.timestamp()))
    if as_json:
        rows = [
            {
                "server": held.server,
                "digest": held.digest,
                "published": held.since.isoformat() if held.since else None,
                "bytes": held.total_bytes,
                "files": len(held.files),
                "models": list(believed.statement.models),
                "signed_by": believed.name,
                "named_by": list(named.get((held.server, held.digest), ())),
            }
            if isinstance(believed := signed[held.server, held.digest], Trusted)
            else {
                "server": held.server,
                "digest": held.digest,
                "published": held.since.isoformat() if held.since else None,
                "bytes": held.total_bytes,
                "files": len(held.files),
                "signed_by": None,
                "named_by": list(named.get((held.server, held.digest), ())),
                "findings": [finding_data(one) for one in believed],
            }
            for held in layout
        ]
        _print_json({"exit": 0, "published": rows})
        return
    shown = table("Server", Column("Digest", no_wrap=True), "Published", "Size", "Models", "Signed by", "Named by")
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


@app.command("gc")
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
        _failed(refused, {}, as_json)
    if as_json:
        _print_json({"exit": 0, "deleted": delete, "decisions": [decision_data(one) for one in decisions]})
        return
    out.print(decision_table(decisions, notes), soft_wrap=False)
    going = [one for one in decisions if one.goes]
    verb = "were removed" if delete else "would go; --delete removes them"
    out.print(f"{len(going)} of {len(decisions)} ({size(sum(one.version.total_bytes for one in going))}) {verb}.")


def _served(loaded: PlannedStack, names: Sequence[str] | None) -> list[tuple[str, ServedSet]]:
    planned = {server.name: server.served for server in loaded.plan.servers}
    unknown = [name for name in names or () if name not in planned]
    if unknown:
        stop(f"The stack has no server {unknown[0]!r}. It has: {', '.join(planned)}.")
    return [(name, served) for name, served in planned.items() if not names or name in names]


def _signing_key(path: Path | None, trust: Trust) -> SigningKey:
    if path is None:
        stop("No key to sign with: give --key FILE, or set TRITONUP_SIGNING_KEY.")
    try:
        key = read_signing_key(path, os.environ.get(PASSWORD))
    except KeyFileError as refused:
        stop(str(refused))
    mine = key.public.fingerprint
    if mine in trust.revoked:
        stop(f"{path} is the key {mine[:12]}…, which the stack file revokes. Sign with another.", Exit.FINDINGS)
    if mine not in trust.trusted:
        complain(
            f"{path} is the key {mine[:12]}…, which the stack does not trust: what it signs would be refused. If it"
            " is yours, add its public half to the stack file:"
        )
        lines = "".join(f"          {line}\n" for line in key.public.pem.splitlines())
        err.print(f"model_repository:\n    signing:\n      trusted:\n        NAME: |\n{lines}", markup=False, end="")
        raise typer.Exit(Exit.FINDINGS)
    return key


def _held(store: Store, server: str, digest: str | None) -> Held:
    layout = read_layout(store.list(server))
    if digest is not None:
        whole = whole_digest(store, server, digest)
        return layout.get((server, whole), Held(server=server, digest=whole))
    published = [held for held in layout.values() if held.since is not None]
    if not published:
        stop(f"Nothing is published of {server!r} in {store.url}.", Exit.FINDINGS)
    return max(published, key=lambda held: held.since or held.changed)


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


def _failed(refused: Exception, data: dict[str, Any], as_json: bool) -> NoReturn:
    if as_json:
        _print_json({"exit": Exit.FINDINGS, "error": str(refused), **data})
    else:
        complain(str(refused))
    raise typer.Exit(Exit.FINDINGS)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
