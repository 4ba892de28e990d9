"""`tritonup models add` and `tritonup models fetch`: files of a hub into the model repository, at one revision."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from cli.console import Exit, err, out
from cli.destinations import stop
from cli.models_options import AsJson, failed, print_json
from cli.project import project_root
from cli.transfers import bar, size
from planning.repository.hub_lock import LOCK
from publishing.hub import Added, add, fetch, pinned, unseen
from publishing.hub_source import HubError, Source
from publishing.hugging_face import HuggingFace
from publishing.together import Advance

CACHE = Path(".cache") / "hub"
"""In the project's folder, by source and revision."""

Repository = Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="The model repository.")]
_HERE = Path("model_repository")


def add_from_hub(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="hf://ORG/NAME@COMMIT, ngc://ORG/MODEL:VERSION or ngc://ORG/TEAM/MODEL:VERSION."
        ),
    ],
    into: Annotated[str, typer.Option("--to", metavar="MODEL/VERSION/NAME", help="The folder that the files come to.")],
    include: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only files that match, as *.safetensors; repeatable.")
    ] = None,
    repository: Repository = _HERE,
    as_json: AsJson = False,
) -> None:
    """Fetch files of a hub into the model repository, and note their digests in hub.lock.json."""
    root = project_root()
    try:
        wanted = pinned(source)
    except HubError as refused:
        stop(str(refused))
    try:
        added = add(wanted, root / repository, PurePosixPath(into), include or (), root / CACHE, _note, _show)
    except (HubError, OSError) as refused:
        failed(refused, {}, as_json)
    if as_json:
        print_json({"exit": Exit.CLEAN, **_data(added)})
    else:
        _tell(added)


def fetch_noted(repository: Repository = _HERE, as_json: AsJson = False) -> None:
    """Fetch what hub.lock.json notes and the model repository has not, or has otherwise."""
    root = project_root()
    try:
        done = fetch(root / repository, root / CACHE, _note, _show)
    except (HubError, OSError) as refused:
        failed(refused, {}, as_json)
    if as_json:
        print_json({"exit": Exit.CLEAN, "folders": [_data(one) for one in done]})
        return
    for one in done:
        _tell(one)
    if not done:
        out.print(f"{repository / LOCK} notes nothing.", markup=False)


def _note(text: str) -> None:
    err.print(text, markup=False)


def _show(source: Source, total: int) -> AbstractContextManager[Advance]:
    # The library of the Hugging Face hub has bars of its own, and two would write over each other.
    return unseen(source, total) if isinstance(source, HuggingFace) else bar(f"fetching {source}", total)


def _data(added: Added) -> dict[str, object]:
    return {"folder": str(added.folder), **added.locked.model_dump(mode="json"), "fetched_bytes": added.fetched}


def _tell(added: Added) -> None:
    files = added.locked.files
    total = size(sum(file.size for file in files.values()))
    out.print(
        f"{added.folder}\n  {len(files)} files ({total}), {size(added.fetched)} fetched; noted in {LOCK}", markup=False
    )
