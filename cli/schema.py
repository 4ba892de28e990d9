"""`tritonup schema`: the JSON Schema of a stack file, by which editors complete and check it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.console import err
from cli.project import project_root
from stacks.schema import SCHEMA_FILE, schema_text


def schema(
    write: Annotated[bool, typer.Option(help=f"Write {SCHEMA_FILE} instead of printing it.")] = False,
) -> None:
    """Print the JSON Schema of a stack file."""
    if not write:
        typer.echo(schema_text(), nl=False)
        return
    path = project_root() / Path(SCHEMA_FILE)
    path.write_text(schema_text(), encoding="utf-8")
    err.print(f"wrote {SCHEMA_FILE}", markup=False)
