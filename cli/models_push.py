"""`tritonup models push`."""

from __future__ import annotations

from typing import Any

from cli.console import out
from cli.destinations import open_store
from cli.models_key import Key, signing_key
from cli.models_options import AsJson, Servers, Stack, StoreUrl, failed, print_json
from cli.models_served import served_sets
from cli.models_view import pushed_data, pushed_line
from cli.project import deployable, project_root
from cli.transfers import bar
from planning.signing import plan_trust
from publishing.pushing import PushError, push
from publishing.store import StoreError


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
    for name, served in served_sets(loaded, servers):
        try:
            to = open_store(repository, store, must_exist=False)
            with bar(f"pushing {name}", served.total_bytes) as advance:
                pushed = push(to, name, served, signing, trust, advance)
        except (PushError, StoreError) as refused:
            failed(refused, {"servers": done}, as_json)
        done.append(pushed_data(pushed))
        if not as_json:
            out.print(pushed_line(pushed), markup=False)
    if as_json:
        print_json({"exit": 0, "servers": done})
