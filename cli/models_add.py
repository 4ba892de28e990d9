"""`tritonup models add`: files of the Hugging Face hub into the model repository, at one commit."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from cli.console import Exit, err, out
from cli.destinations import stop
from cli.models_options import AsJson, print_json
from cli.project import project_root
from cli.transfers import size
from publishing.hub import LOCK, HubError, HubSource, add

CACHE = Path(".cache") / "hub"
"""In the project's folder, by repository and commit."""


def add_from_hub(
    source: Annotated[str, typer.Argument(metavar="hf://ORG/NAME@COMMIT", help="What to fetch, at which commit.")],
    into: Annotated[str, typer.Option("--to", metavar="MODEL/VERSION/NAME", help="The folder that the files come to.")],
    include: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only files that match, as *.safetensors; repeatable.")
    ] = None,
    repository: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="The model repository.")] = Path(
        "model_repository"
    ),
    as_json: AsJson = False,
) -> None:
    """Fetch files of the Hugging Face hub into the model repository, note their digests, and never ask it again."""
    root = project_root()
    try:
        pinned = HubSource.parse(source)
    except HubError as refused:
        stop(str(refused))
    try:
        added = add(
            pinned,
            root / repository,
            PurePosixPath(into),
            include or (),
            root / CACHE,
            lambda text: err.print(text, markup=False),
        )
    except (HubError, OSError) as refused:
        stop(str(refused), Exit.FINDINGS)
    if as_json:
        print_json({"exit": 0, "folder": into, **added.locked.model_dump(mode="json"), "fetched_bytes": added.fetched})
        return
    total = sum(file.size for file in added.locked.files.values())
    out.print(
        f"{into}\n  {len(added.locked.files)} files ({size(total)}), {size(added.fetched)} fetched; noted in {LOCK}",
        markup=False,
    )
