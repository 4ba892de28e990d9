"""What the commands of `tritonup models` share: their options, and how they fail."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn

import typer

from cli.destinations import complain
from cli.ends import Exit

Stack = Annotated[str, typer.Option("--stack", "-s", help="The stack.")]
Servers = Annotated[list[str] | None, typer.Argument(metavar="SERVER", help="Servers; left out, all of the stack.")]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="Another store than the stack's: s3://…, gs://…, or a directory as /…, ./…, ../… or file:///….",
    ),
]
Digest = Annotated[
    str | None,
    typer.Option(metavar="DIGEST", help="A published digest, 8 digits of it or more; left out, the planned one."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def failed(refused: Exception, data: dict[str, Any], as_json: bool) -> NoReturn:
    if as_json:
        print_json({"exit": Exit.FINDINGS, "error": str(refused), **data})
    else:
        complain(str(refused))
    raise typer.Exit(Exit.FINDINGS)


def print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
