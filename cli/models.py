"""`tritonup models`: what servers serve, published to where they read it, and looked after there.

Every command uses the network. Exit status: 0 all is well, 1 something is wrong with what is published or the command
could not do what it was asked for, 2 usage.
"""

from __future__ import annotations

import typer

from cli.deferred import deferred

COMMANDS = {
    "add": (
        "cli.models_add:add_from_hub",
        "Fetch files of a hub into the model repository, and note their digests in hub.lock.json.",
    ),
    "fetch": (
        "cli.models_add:fetch_noted",
        "Fetch what hub.lock.json notes and the model repository has not, or has otherwise.",
    ),
    "list": (
        "cli.models_stock:list_models",
        "Show what is published: since when, how large, signed by whom, named by which stacks of this project, and how"
        " it runs in the clusters that are named.",
    ),
    "gc": ("cli.models_stock:collect_garbage", "Retire published digests that nothing names and nothing serves."),
    "key": ("cli.models_key:make_key", "Make a key that signs."),
    "rotate": (
        "cli.models_rotate:rotate_model",
        "Replace a leaked model: publish what lies here instead, see that nothing serves the leaked files, remove"
        " them.",
    ),
    "status": (
        "cli.models_running:show_status",
        "Show which digest each server serves in the clusters that are named.",
    ),
    "definition": (
        "cli.models_versions:print_definition",
        "Print the CustomResourceDefinition of ModelVersion objects, for `kubectl apply --server-side -f -`.",
    ),
    "push": (
        "cli.models_push:push_models",
        "Publish what the stack's servers serve: whole, signed, never overwritten.",
    ),
    "verify": (
        "cli.models_verify:verify_models",
        "Say whether what the stack would serve is published, whole and signed.",
    ),
    "pull": ("cli.models_pull:pull_models", "Fetch a published digest and verify it, whole or not at all."),
    "diff": ("cli.models_diff:diff_models", "Compare the models here with a published digest."),
}

app = typer.Typer(cls=deferred(COMMANDS), no_args_is_help=True)


@app.callback()
def models() -> None:
    """What servers serve: published, signed, verified, fetched, retired."""
