"""`tritonup schema`: what a stack file may hold, for editors (JSON Schema) and for people (a page)."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.console import err
from cli.project import project_root
from stacks.schema import SCHEMA_FILE, schema_text
from stacks.settings_reference import REFERENCE_FILE, reference_text


def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The page of all fields instead of the JSON Schema.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help=f"Write {SCHEMA_FILE}, or {REFERENCE_FILE}, instead of printing it.")
    ] = False,
) -> None:
    """Print the JSON Schema of a stack file, by which editors complete and check it, or the page of its fields."""
    name, text = (REFERENCE_FILE, reference_text()) if markdown else (SCHEMA_FILE, schema_text())
    if not write:
        typer.echo(text, nl=False)
        return
    (project_root() / name).write_text(text, encoding="utf-8")
    err.print(f"wrote {name}", markup=False)
