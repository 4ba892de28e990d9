"""`tritonup engines`: the TensorRT engines of a stack: which there are, which are missing, and noting what was built.

Exit status: 0 all is well, 1 engines are missing (`missing`) or not as they were published (`record`), 2 usage.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from cli.console import Exit, out
from cli.destinations import complain, open_store, stop
from cli.models_options import AsJson, Stack, StoreUrl, failed, print_json
from cli.project import PlannedStack, planned_stack, project_root
from cli.transfers import size
from planning.engines.built import LOCK, BuiltEngine, EngineLock, LockError, lock_text, read_lock
from planning.engines.needed import NeededEngine
from publishing.engines import verified
from publishing.store import StoreError

app = typer.Typer(help="TensorRT engines: needed, missing, built.", no_args_is_help=True)


@app.command("list")
def list_engines(stack: Stack, as_json: AsJson = False) -> None:
    """Show every engine that the stack's servers need: for which pools, and whether it is built. Uses no network."""
    needed = _needed(_loaded(project_root(), stack))
    _show(needed, as_json, Exit.CLEAN, "No server of the stack has a model whose engine is to be built.")


@app.command("missing")
def missing_engines(stack: Stack, as_json: AsJson = False) -> None:
    """Show those that are not built, or not recorded yet. Exits 1 where there are any. Uses no network."""
    missing = [(server, one) for server, one in _needed(_loaded(project_root(), stack)) if one.built is None]
    _show(missing, as_json, Exit.FINDINGS if missing else Exit.CLEAN, "No engine is missing.")


@app.command("record")
def record_engines(
    stack: Stack,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Note in the repository's engines.lock.json what builders have published of the stack's missing engines.

    Reads each engine whole before. Commit the lock, then push the models: from then on they are served."""
    root = project_root()
    loaded = _loaded(root, stack)
    repository = loaded.plan.settings.model_repository
    missing = {one.key.name: one for _, one in _needed(loaded) if one.built is None}
    found: dict[str, BuiltEngine] = {}
    try:
        at = open_store(repository, store)
        for name, needed in missing.items():
            published = verified(at, name, needed.key.digest)
            if published is not None:
                found[name] = published.recorded()
    except StoreError as refused:
        failed(refused, {}, as_json)
    lock = root / repository.directory / LOCK
    if found:
        _write(lock, found)
    left = sorted(missing.keys() - found.keys())
    if as_json:
        print_json({"exit": 0, "lock": str(lock), "recorded": sorted(found), "missing": left})
        return
    for name, built in sorted(found.items()):
        accuracy = built.accuracy
        out.print(
            f"{name}\n  {size(built.size)}, built {built.built:%Y-%m-%d %H:%M} UTC,"
            f" {accuracy.share_of_tolerance:.0%} of its tolerance used",
            markup=False,
        )
    for name in left:
        out.print(f"{name}\n  not there yet", markup=False)
    if found:
        out.print(f"Commit {lock.relative_to(root)}, then `tritonup models push -s {stack}`.", markup=False)
    elif not missing:
        out.print("No engine is missing.")


def _write(lock: Path, found: dict[str, BuiltEngine]) -> None:
    try:
        known = read_lock(lock.parent)
    except LockError as refused:
        stop(f"{lock} {refused}", Exit.FINDINGS)
    text = lock_text(EngineLock(engines={**known.engines, **found}))
    beside = lock.with_suffix(".new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(lock)
    except OSError as refused:
        stop(f"{lock} cannot be written: {refused.strerror}.", Exit.FINDINGS)


def _loaded(root: Path, stack: str) -> PlannedStack:
    """The stack's plan, errors or not: what is missing may be what keeps it from being deployed."""
    loaded = planned_stack(root, stack)
    if isinstance(loaded, PlannedStack):
        return loaded
    for finding in loaded:
        complain(str(finding))
    raise typer.Exit(Exit.FINDINGS)


def _needed(loaded: PlannedStack) -> list[tuple[str, NeededEngine]]:
    return [(server.name, needed) for server in loaded.plan.servers for needed in server.engines]


def _show(engines: Sequence[tuple[str, NeededEngine]], as_json: bool, status: Exit, none: str) -> None:
    if as_json:
        typer.echo(json.dumps({"exit": status, "engines": [_data(*one) for one in engines]}, indent=2))
        raise typer.Exit(status)
    if not engines:
        out.print(none)
        raise typer.Exit(status)
    for server, one in engines:
        state = f"built {one.built.built:%Y-%m-%d}, {size(one.built.size)}" if one.built else "missing"
        out.print(f"{server} {one.model} on {', '.join(one.pools)} ({', '.join(one.key.gpus)}): {state}", markup=False)
        out.print(f"  {one.key.name}", markup=False)
    raise typer.Exit(status)


def _data(server: str, one: NeededEngine) -> dict[str, Any]:
    return {
        "server": server,
        "model": one.model,
        "engine": one.key.name,
        "key": one.key.digest,
        "source": one.source,
        "precision": one.key.precision,
        "gpus": list(one.key.gpus),
        "pools": list(one.pools),
        "tensorrt": one.key.tensorrt,
        "shapes": [
            {"input": s.name, "min": list(s.min), "opt": list(s.opt), "max": list(s.max)} for s in one.key.shapes
        ],
        "file": one.file,
        "built": one.built.model_dump(mode="json") if one.built else None,
    }
