"""The `tritonup` command: its subcommands, each in a file of its own."""

from __future__ import annotations

import typer

from cli.check import check
from cli.cluster import app as cluster
from cli.cluster import down, up
from cli.engines import app as engines
from cli.explain import explain
from cli.images import app as images
from cli.models import app as models
from cli.plan import plan
from cli.profile import profile
from cli.render import render
from cli.schema import schema
from cli.serve import serve
from cli.traffic import traffic

app = typer.Typer(
    name="tritonup",
    help="GPU inference on Kubernetes as code: plan it, check it, render it, serve it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (check, plan, render, serve, profile, traffic, up, down, explain, schema):
    app.command()(command)
app.add_typer(models, name="models")
app.add_typer(engines, name="engines")
app.add_typer(images, name="images")
app.add_typer(cluster, name="cluster")


def main() -> None:
    app()
