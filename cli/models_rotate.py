"""`tritonup models rotate`: a model whose files, or whose signer's key, somebody has that should not.

It holds no state of its own: each run looks at what is here, in the destination and in the clusters, does what can be
done, and says what it waits for. So it goes on after whatever ended it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.clusters import Clusters, NamedCluster, UnreadableError, named_clusters
from cli.clusters_seen import all_are_seen, look_at_all, readers_of
from cli.console import Exit, out
from cli.destinations import complain, open_store, stop
from cli.models_key import Key, signing_key
from cli.models_options import AsJson, Stack, StoreUrl, print_json
from cli.models_view import DIGITS
from cli.named_digests import Named, Reader, named_by_stacks
from cli.project import PlannedStack, deployable, project_root
from planning.settings.repository import Signing
from planning.signing import Trust, plan_trust
from publishing.layout import Held, Identity, read_layout
from publishing.leaking import Leaked, find_leaked, still_served
from publishing.pushing import PushError, push
from publishing.removing import remove, version_of
from publishing.running import holders
from publishing.store import Store, StoreError


class _WaitsError(Exception):
    """What has to be done by somebody else first, in words."""


def rotate_model(
    model: Annotated[str, typer.Argument(help="The model that has leaked.")],
    stack: Stack,
    leaked: Annotated[str, typer.Option(metavar="DIGEST", help="A published digest that has it, 8 digits or more.")],
    file: Annotated[
        list[str] | None,
        typer.Option(
            "--file", metavar="PATH", help="Only this file of it, as 1/model.onnx; left out, all of its versions'."
        ),
    ] = None,
    leaked_key: Annotated[
        str | None, typer.Option(metavar="NAME", help="A key that has leaked too, by its name or its fingerprint.")
    ] = None,
    key: Key = None,
    cluster: Clusters = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="STACK", help="This stack runs in no cluster.")
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove the leaked files; without, say what would go.")
    ] = False,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Replace a leaked model: publish what lies here instead, see that nothing serves the leaked files, remove them.

    Run it again after each step that it asks for: it goes on from what is there. Exits 1 while it waits."""
    root = project_root()
    loaded = deployable(root, stack)
    repository = loaded.plan.settings.model_repository
    revoked = _fingerprint(repository.signing, leaked_key)
    trust = _without(plan_trust(repository), revoked)
    signing = signing_key(key, trust)
    clusters = named_clusters(cluster)
    done = _Done(pushed=[], removed=[])
    try:
        at = open_store(repository, store)
        layout = read_layout(at.list())
        found = find_leaked(at, layout, model, _whole(layout, leaked), file or ())
        _replaced(loaded, found)
        for server in loaded.plan.servers:
            if revoked is not None or any(one.name == model for one in server.served.models):
                pushed = push(at, server.name, server.served, signing, trust)
                done.pushed.append(f"{server.name}/{pushed.digest}")
        named = named_by_stacks(root)
        _nobody_names(found, named)
        _nothing_serves(found, clusters, readers_of(named, repository.destination, without or ()), stack)
        if revoked is not None and revoked not in plan_trust(repository).revoked:
            raise _WaitsError(
                f"Nothing serves what the key {revoked[:12]}… alone has signed. Take it out of"
                f" model_repository.signing.trusted, add {revoked} to `revoked`, run `pulumi up -s {stack}`, then this"
                " again."
            )
        if delete:
            _remove(at, found, clusters, stack, done)
    except _WaitsError as waits:
        _tell(done, found=None, waits=str(waits), as_json=as_json)
        raise typer.Exit(Exit.FINDINGS) from None
    except (PushError, StoreError, UnreadableError) as refused:
        _tell(done, found=None, waits=str(refused), as_json=as_json)
        raise typer.Exit(Exit.FINDINGS) from None
    _tell(done, found=found, waits=None, as_json=as_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """As SERVER/DIGEST."""

    pushed: list[str]
    removed: list[str]


def _fingerprint(signing: Signing | None, named: str | None) -> str | None:
    if named is None:
        return None
    known = {} if signing is None else {name: key.fingerprint for name, key in signing.trusted.items()}
    fingerprints = [*known.values(), *(signing.revoked if signing else ())]
    found = known.get(named) or next((one for one in fingerprints if one == named), None)
    if found is None:
        stop(f"--leaked-key: the stack knows no key {named!r}. It trusts {', '.join(known) or 'nobody'}.")
    return found


def _without(trust: Trust, fingerprint: str | None) -> Trust:
    """`trust` as it will be: what the leaked key alone has signed is signed anew."""
    if fingerprint is None:
        return trust
    left = {known: key for known, key in trust.trusted.items() if known != fingerprint}
    return replace(trust, trusted=left, revoked=trust.revoked | {fingerprint})


def _whole(layout: Mapping[Identity, Held], text: str) -> str:
    there = sorted({digest for _, digest in layout if digest.startswith(text)}) if len(text) >= 8 else []
    if len(there) != 1:
        stop(
            f"--leaked: {text!r} stands for {len(there)} of the published digests, and has to stand for one. What was"
            " removed stands for none.",
            Exit.FINDINGS,
        )
    return there[0]


def _replaced(loaded: PlannedStack, leaked: Leaked) -> None:
    for server in loaded.plan.servers:
        files = still_served(leaked, server.served)
        if files or (server.name, server.served.digest) in leaked.holders:
            raise _WaitsError(
                f"Server {server.name!r} would serve the leaked files still: {', '.join(files) or leaked.model}, as"
                " they lie here. Put what replaces them into the model repository, then run this again."
            )


def _nobody_names(leaked: Leaked, named: Named) -> None:
    if named.untold:
        raise _WaitsError(f"What the stacks {', '.join(named.untold)} serve cannot be told: `tritonup check` says why.")
    for server, digest in leaked.holders:
        if stacks := named.by.get((server, digest)):
            raise _WaitsError(f"{server}/{digest[:DIGITS]} has the leaked files, and stack {stacks[0]!r} names it.")


def _nothing_serves(leaked: Leaked, clusters: Sequence[NamedCluster], readers: Sequence[Reader], stack: str) -> None:
    """But for ReplicaSets without pods: what leaked is not rolled back to."""
    if not clusters:
        raise _WaitsError(
            f"What replaces it is published. Run `pulumi up -s {stack}`, then this again with --cluster KUBECONFIG of"
            " each cluster."
        )
    seen = look_at_all(clusters)
    all_are_seen(readers, seen)
    _nothing_holds(leaked, holders(seen, for_rollback=False), stack)


def _nothing_holds(leaked: Leaked, held: Mapping[str, str], stack: str) -> None:
    for server, digest in leaked.holders:
        if by := held.get(digest):
            raise _WaitsError(
                f"{server}/{digest[:DIGITS]} has the leaked files: {by}. Run `pulumi up -s {stack}`, wait until its"
                " pods have ended, then run this again."
            )


def _remove(at: Store, leaked: Leaked, clusters: Sequence[NamedCluster], stack: str, done: _Done) -> None:
    """In the order of `holders`: see `find_leaked`."""
    now, layout = datetime.now(UTC), read_layout(at.list())
    for identity in leaked.holders:
        _nothing_holds(leaked, holders(look_at_all(clusters), for_rollback=False), stack)
        there = layout.get(identity)
        if there is not None and remove(at, version_of(there), now).bytes is None:
            raise _WaitsError(f"{'/'.join(identity)} was pushed again just now: whoever did that has the leaked files.")
        done.removed.append("/".join(identity))


def _tell(done: _Done, *, found: Leaked | None, waits: str | None, as_json: bool) -> None:
    left = [f"{server}/{digest}" for server, digest in found.holders] if found else []
    would = [one for one in left if one not in done.removed]
    if as_json:
        data: dict[str, Any] = {
            "exit": Exit.FINDINGS if waits else Exit.CLEAN,
            "published": done.pushed,
            "removed": done.removed,
            "would_go": would,
            "waits_for": waits,
        }
        print_json(data)
        return
    for verb, names in (("published", done.pushed), ("removed", done.removed), ("would go with --delete:", would)):
        for name in names:
            out.print(f"{verb} {name}", markup=False)
    if waits:
        complain(waits)
