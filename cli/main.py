"""The `tritonup` command: its subcommands, each in a file of its own."""

from __future__ import annotations

import atexit
import gc
import os

import typer

from cli.deferred import deferred

COMMANDS = {
    "check": ("cli.check:check", "Say what keeps a stack, or a model repository, from serving."),
    "plan": ("cli.plan:plan", "Explain what will exist, why, and what it costs."),
    "render": (
        "cli.render:render",
        "Write the stack's Kubernetes objects, in the order in which they can be applied.",
    ),
    "serve": (
        "cli.serve:serve",
        "Run a stack's servers on this machine, from the Deployments that are rendered for it, and ask each model one"
        " real request.",
    ),
    "profile": (
        "cli.profile:profile",
        "Measure a model's service times and latency by open loops, fit them, hold half of it out, and propose"
        " batching and instances for a promise.",
    ),
    "traffic": (
        "cli.traffic:traffic",
        "Send requests at planned times, whatever becomes of them, and say what each came to.",
    ),
    "up": (
        "cli.cluster:up",
        "Deploy a stack on a real Kubernetes here, wait until it is Ready, ask every model, print the answers.",
    ),
    "down": ("cli.cluster:down", "Remove what `up` deployed: with a cluster of ours, the cluster too."),
    "explain": ("cli.explain:explain", "Explain a rule: what it means, why it matters, how to mend it."),
    "schema": (
        "cli.schema:schema",
        "Print the JSON Schema of a stack file, by which editors complete and check it, or the page of its fields.",
    ),
    "models": ("cli.models:app", "What servers serve: published, signed, verified, fetched, retired."),
    "engines": ("cli.engines:app", "TensorRT engines: needed, missing, built."),
    "images": (
        "cli.images:app",
        "Container images and their digests: the image lock, and the registries behind it.",
    ),
    "cluster": ("cli.cluster:app", "A real Kubernetes on this Linux machine, for hand work and tests."),
}

app = typer.Typer(
    name="tritonup",
    cls=deferred(COMMANDS),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def tritonup() -> None:
    """GPU inference on Kubernetes as code: plan it, check it, render it, serve it."""


def main() -> None:
    # A fifth of a short command was looking for garbage in what it imports: on the way, and all of it again at the end.
    gc.set_threshold(50_000, 10, 10)
    atexit.register(gc.freeze)
    # Otherwise pydantic reads the metadata of every installed package, for plugins that no settings of ours need.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    app()
