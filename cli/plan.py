"""`tritonup plan`: what will exist, why, and what it costs, as text, JSON or one HTML page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cli.console import Exit, err, out
from cli.project import PlannedStack, planned_stack, project_root, stacks_of
from cli.report import WIDTH, Document, document_data, document_html, document_text, planned_document, refused_document


def plan(
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", help="The stack; left out, the only one that there is.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the plan as JSON, a reason beside every value.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", dir_okay=False, help="Write the plan as one self-contained page.")
    ] = None,
) -> None:
    """Explain what will exist, why, and what it costs. Exits 0 without errors, 1 with, 2 without a stack."""
    root = project_root()
    document = _document(root, _chosen(root, stack))
    if html is not None:
        _write(html, document_html(document))
    if json_:
        typer.echo(json.dumps(document_data(document), indent=2))
    elif html is None:
        out.print(document_text(document, out.width if out.is_terminal else WIDTH), end="")
    else:
        errors = "; it has errors" if document.verdict == "error" else ""
        out.print(f"plan of stack {document.stack!r} in {html}{errors}", markup=False)
    if document.verdict == "error":
        raise typer.Exit(Exit.FINDINGS)


def _chosen(root: Path, stack: str | None) -> str:
    if stack is not None:
        return stack
    there = stacks_of(root)
    if len(there) == 1:
        return there[0]
    what = f"There are the stacks {', '.join(there)}" if there else f"{root} has no Pulumi.<stack>.yaml"
    err.print(f"{what}: say which one with --stack.", markup=False)
    raise typer.Exit(Exit.USAGE)


def _document(root: Path, stack: str) -> Document:
    loaded = planned_stack(root, stack)
    if not isinstance(loaded, PlannedStack):
        return refused_document(stack, loaded, root)
    accepted = [replace(known, finding=loaded.file.locate(known.finding)) for known in loaded.plan.accepted]
    return planned_document(stack, loaded.plan, loaded.findings, accepted, root)


def _write(path: Path, page: str) -> None:
    was_there = path.exists()
    try:
        path.write_text(page, encoding="utf-8", newline="\n")
    except OSError as refused:
        if not was_there:
            path.unlink(missing_ok=True)
        err.print(f"--html: {path} cannot be written: {refused.strerror}.", style="red", markup=False)
        raise typer.Exit(Exit.FINDINGS) from refused
