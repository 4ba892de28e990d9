"""`tritonup render`: the Kubernetes objects as YAML, for GitOps and for reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.console import Exit, err, out
from cli.project import deployable, project_root


def render(
    stack: Annotated[str, typer.Option("--stack", "-s", help="The stack.")],
    directory: Annotated[
        Path | None, typer.Option("--out", help="Write a file for each object there; left out, print them.")
    ] = None,
    outputs: Annotated[
        Path | None, typer.Option(help="A JSON file of outputs by <type>/<name>, for what only a cloud knows.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the objects as a JSON list.")] = False,
) -> None:
    """Write the stack's Kubernetes objects, in the order in which they can be applied."""
    from stacks.render import UnknownValuesError, rendered, write

    loaded = deployable(project_root(), stack)
    try:
        manifests = rendered(loaded.plan, stack, _outputs(outputs))
    except UnknownValuesError as refused:
        err.print(str(refused), style="red", markup=False)
        raise typer.Exit(Exit.FINDINGS) from refused
    if json_:
        out.print_json(json.dumps([manifest.body for manifest in manifests]))
    elif directory is None:
        typer.echo("---\n".join(manifest.yaml() for manifest in manifests), nl=False)
    if directory is None:
        return
    try:
        written = write(manifests, directory)
    except OSError as refused:
        why = f"--out: {directory} cannot be written: {refused.strerror}. What was there is as it was."
        err.print(why, style="red", markup=False)
        raise typer.Exit(Exit.FINDINGS) from refused
    if not json_:
        out.print(f"{len(written)} objects of stack {stack!r} in {directory}", markup=False)


def _outputs(path: Path | None) -> dict[str, dict[str, Any]] | None:  # whatever providers report
    if path is None:
        return None
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as refused:
        err.print(f"--outputs: {path} cannot be read as JSON: {refused}.", style="red", markup=False)
        raise typer.Exit(Exit.USAGE) from refused
    if not isinstance(read, dict) or not all(isinstance(value, dict) for value in read.values()):  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        err.print(f"--outputs: {path} is not an object of objects, by <type>/<name>.", style="red", markup=False)
        raise typer.Exit(Exit.USAGE)
    return read  # pyright: ignore[reportUnknownVariableType]
